"""What the card of an ended run has when it is sent, and what it waits for."""

import json
from dataclasses import replace

import pytest

from bot.delivery.payload import DeliveryPayload, Obstacle
from bot.delivery.plan import card_id, delivery_job
from bot.delivery.reconcile import Reconciler
from bot.errors import PermanentError, TemporaryError
from bot.models import Destination, Job, JobState, Mute, Person, RecipientOptions, RenderedCard, Run
from tests.conftest import GROUP, CoreHarness
from tests.delivery.test_card_templates import OWN
from tests.delivery.test_digests import end_together
from tests.factories import make_schedule

ROBOT = Destination.parse("webhook:ops")
LI = Person(id="user01", name="李雷")


def card_of(core: CoreHarness, run: Run) -> RenderedCard:
    return core.messenger.cards[card_id(run.id, GROUP)]


async def job_of(core: CoreHarness, run: Run, kind: str = "card") -> Job:
    (job,) = await core.store.find_jobs(run_id=run.id, kind=kind)
    return job


async def test_a_card_waits_a_while_for_the_report_and_needs_no_update(core: CoreHarness) -> None:
    core.exporter.trouble = [TemporaryError("disk full", retry_after=20)]
    run = await core.finished_run()
    assert core.messenger.verbs() == []
    core.clock.turn(seconds=40)
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "upload", "file"]
    assert ".xlsx" in str(card_of(core, run).params)


async def test_a_card_mentions_whom_its_destination_names(core: CoreHarness) -> None:
    options = (RecipientOptions(to=GROUP, mention=("user07",)),)
    core.schedule = replace(core.schedule, recipient_options=options)
    assert card_of(core, await core.finished_run()).mention == ("user07",)


@pytest.fixture
def rich(core: CoreHarness) -> CoreHarness:
    """A core whose cards have a chart of the last runs."""
    core.template_id = OWN
    core.build()
    return core


async def test_the_chart_has_the_runs_of_its_schedule_up_to_this_one(rich: CoreHarness) -> None:
    charts = []
    for id_ in ("s1", "s2", "s2", "s1"):
        rich.schedule = make_schedule(id=id_, name=id_, notify_enable=True, send_to=(GROUP,), export=False)
        rich.clock.turn(seconds=60)
        run = await rich.finished_run()
        charts.append(json.loads(card_of(rich, run).params["history"])["data"])
    assert [len({bar["x"] for bar in chart}) for chart in charts] == [0, 0, 2, 2]


async def test_a_run_that_another_bot_muted_meanwhile_is_not_told(core: CoreHarness) -> None:
    core.schedule = replace(core.schedule, notify_enable=False)
    run = await core.finished_run()
    schedule = replace(run.schedule, notify_enable=True)
    muted = Mute(by=LI, at=core.clock())
    await core.store.update_run(run.id, {"schedule": schedule, "muted": muted})
    payload = DeliveryPayload(destination=GROUP)
    await core.store.add_job(delivery_job("card", run.id, payload, core.clock()))
    await core.do_jobs()
    job = await job_of(core, run)
    assert (job.state, job.result) == (JobState.DONE, {"skipped": Obstacle.MUTED})
    assert core.messenger.verbs() == []


async def test_a_card_that_was_rejected_says_why_a_message_came_instead(core: CoreHarness) -> None:
    core.messenger.trouble_with["card"] = [PermanentError("no scope")]
    run = await core.finished_run()
    assert "no scope" in str((await job_of(core, run)).result)


async def test_a_message_at_the_end_of_quiet_hours_says_so(core: CoreHarness) -> None:
    core.notify = {"quiet_hours": "10:00-20:00"}  # it is 11:00
    core.build()
    await end_together(core, 2, send_to=(ROBOT,))
    core.clock.turn(seconds=9 * 3_600)
    await core.do_jobs()
    core.clock.turn(seconds=10)
    await core.do_jobs()
    ((verb, where, said),) = core.messenger.sent
    assert (verb, where) == ("note", str(ROBOT))
    assert "免打扰" in said


async def test_the_time_until_people_see_a_run_is_measured_where_it_goes_alone(core: CoreHarness) -> None:
    measured: list[float] = []
    reconciler = Reconciler(core.store, core.jobs, on_visible=measured.append)
    run = await core.finished_run()
    card = await job_of(core, run)
    await reconciler.on_summary_finished(card)
    await reconciler.on_summary_finished(replace(card, state=JobState.DEAD))
    await reconciler.on_summary_finished(replace(card, result={"digest": "digest:x"}))
    assert measured == [0.0]
