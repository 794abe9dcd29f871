"""Updates of a card that was sent: what they show, and which of several is left out."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.delivery.consequences import update_job
from bot.delivery.jobs.update import UPDATE_POLL_INTERVAL
from bot.delivery.payload import DeliveryResult, Obstacle
from bot.delivery.plan import card_id, job_id
from bot.errors import TemporaryError
from bot.models import Destination, JobState, Person, Run, TaskStatus, Trigger
from bot.runs.lifecycle import TriggerRequest
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness
from tests.delivery.test_card_templates import OWN
from tests.delivery.test_digests import end_together, later
from tests.factories import make_job

ELSEWHERE = Destination.parse("group:cidB")
HAN = Person(id="user02", name="韩梅梅")
LATER_UPDATE = {"skipped": Obstacle.LATER_UPDATE}


async def add_update(
    core: CoreHarness, run: Run, to: Destination = GROUP, cause: str = "test", **changes: Any
) -> str:
    """Store an update of the card of a run, and return its id."""
    card = make_job(run_id=run.id, payload={"destination": str(to)})
    update = replace(update_job(card, cause, core.clock()), **changes)
    await core.store.add_job(update)
    return update.id


async def result_of(core: CoreHarness, id_: str) -> object:
    job = await core.store.find_job(id_)
    assert job is not None
    return job.result if job.state is JobState.DONE else job.state


async def updated(core: CoreHarness, run: Run, *, cause: str = "test") -> object:
    """Update the card of a run, and return the result."""
    update = await add_update(core, run, cause=cause)
    await core.do_jobs()
    return await result_of(core, update)


def shown(core: CoreHarness, run: Run) -> str:
    return "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())


async def start(core: CoreHarness, trigger: Trigger, by: Person | None = HAN, **schedule: Any) -> Run:
    """Start a run a second later, and let it end."""
    core.clock.turn(seconds=1)
    key = f"{trigger}:{core.clock().isoformat()}"
    request = TriggerRequest(idempotency_key=key, trigger=trigger, asked_by=by)
    run = await core.runs.trigger(replace(core.schedule, **schedule), request)
    await core.do_jobs()
    await core.finish()
    return await core.run(run.id)


async def test_a_card_names_who_started_the_schedule_last_since_its_run(core: CoreHarness) -> None:
    run = await core.finished_run()
    await start(core, Trigger.CHAT, Person(id="user01", name="李雷"))
    newest = await start(core, Trigger.CARD)
    await start(core, Trigger.CRON, None)
    await updated(core, run)
    assert "韩梅梅" in shown(core, run)
    assert newest.id in shown(core, run)
    assert "李雷" not in shown(core, run)


async def test_a_card_names_nobody_who_started_it_before_or_another_schedule(core: CoreHarness) -> None:
    await start(core, Trigger.CHAT)
    run = await start(core, Trigger.CRON, None)
    await start(core, Trigger.CHAT, id="s2", name="另一个")
    await start(core, Trigger.CHAT, None)  # nobody is known
    await updated(core, run)
    assert "韩梅梅" not in shown(core, run)
    assert "None" not in shown(core, run)


@pytest.fixture
def rich(core: CoreHarness) -> CoreHarness:
    """A core whose cards have a chart of the last runs."""
    core.template_id = OWN
    core.build()
    return core


async def test_an_update_without_news_changes_nothing_on_the_card(rich: CoreHarness) -> None:
    for _ in range(3):
        await rich.finished_run()
        rich.clock.turn(seconds=60)
    run = await rich.trigger(cause="cron:s1:failed")
    await rich.finish(status=TaskStatus.ERROR)
    await rich.intake.receive_tap(tap_on(run.id, "acknowledge"))
    await rich.do_jobs()
    before = shown(rich, run)
    assert "李雷" in before
    assert rich.messenger.cards[card_id(run.id, GROUP)].params["has_history"] == "true"
    assert await updated(rich, run) == {}
    assert shown(rich, run) == before


async def test_an_update_is_about_the_files_of_its_own_run(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.messenger.trouble_with["file"] = [TemporaryError("no answer", uncertain=True)]
    core.clock.turn(seconds=1)
    other = await core.finished_run()
    await updated(core, run)
    assert '"resend"' not in shown(core, run)
    assert '"resend"' in shown(core, other)


async def test_an_update_of_a_card_that_was_never_sent_is_given_up(core: CoreHarness) -> None:
    core.schedule = replace(core.schedule, notify_enable=False)
    run = await core.finished_run()
    assert await updated(core, run) is JobState.DEAD
    assert core.messenger.verbs() == []


async def test_of_two_updates_of_a_card_the_later_one_is_made(core: CoreHarness) -> None:
    run = await core.finished_run()
    first, second = [await add_update(core, run, cause=cause) for cause in "ab"]
    await core.jobs.run_due(["update"])
    assert [await result_of(core, each) for each in (first, second)] == [LATER_UPDATE, {}]


async def test_an_update_that_is_not_due_yet_replaces_none(core: CoreHarness) -> None:
    run = await core.finished_run()
    first = await add_update(core, run, cause="a")
    await add_update(core, run, cause="b", due_at=core.clock() + timedelta(seconds=1))
    await core.jobs.run_due(["update"])
    assert await result_of(core, first) == {}


async def add_others(core: CoreHarness, run: Run) -> None:
    """Store jobs of a run that are no open updates of its card in the group."""
    await add_update(core, run, ELSEWHERE)
    await add_update(core, run, cause="made", state=JobState.DONE)
    now = core.clock()
    payload: dict[str, object] = {"destination": str(GROUP)}
    file = make_job(kind="file", run_id=run.id, payload=payload, created_at=now, due_at=now)
    await core.store.add_job(file)


async def test_nothing_but_an_open_update_of_the_same_card_replaces_one(core: CoreHarness) -> None:
    run = await core.finished_run()
    other = await start(core, Trigger.CRON, None)
    update = await add_update(core, run)
    await add_others(core, run)
    await add_update(core, other)
    await core.jobs.run_due(["update"])
    assert await result_of(core, update) == {}


@pytest.fixture
async def together(core: CoreHarness) -> tuple[Run, Run, Run]:
    """Two runs in one digest, and one whose card was sent alone."""
    runs = await end_together(core, 12)
    await later(core)
    cards = [await core.store.find_job(job_id("card", run.id, GROUP)) for run in runs]
    digests = [DeliveryResult.of(card).digest if card else "" for card in cards]
    first, second = [run for run, digest in zip(runs, digests, strict=True) if digest]
    alone = next(run for run, digest in zip(runs, digests, strict=True) if not digest)
    core.messenger.sent.clear()
    return first, second, alone


async def test_of_the_updates_of_a_digest_the_last_one_shows_all_its_runs(
    core: CoreHarness, together: tuple[Run, Run, Run]
) -> None:
    one, another, _ = together
    first, second = await add_update(core, one), await add_update(core, another)
    await core.jobs.run_due(["update"])
    assert [await result_of(core, each) for each in (first, second)] == [LATER_UPDATE, {}]
    ((verb, where, _),) = core.messenger.sent
    assert (verb, where.startswith("digest-")) == ("update", True)


async def test_nothing_but_an_open_update_of_its_runs_replaces_one_of_a_digest(
    core: CoreHarness, together: tuple[Run, Run, Run]
) -> None:
    one, another, alone = together
    update = await add_update(core, one)
    await add_others(core, another)
    await add_update(core, alone)
    await core.jobs.run_due(["update"])
    assert await result_of(core, update) == {}


@pytest.mark.parametrize("of_digest", [False, True])
async def test_an_update_waits_while_another_one_is_made(
    core: CoreHarness, together: tuple[Run, Run, Run], of_digest: bool
) -> None:
    one, another, alone = together
    running = await add_update(core, another if of_digest else alone)
    claimed = await core.store.claim_job(
        ["update"], "another bot", core.clock(), core.clock() + timedelta(minutes=1)
    )
    assert claimed is not None
    assert claimed.id == running
    waiting = await add_update(core, one if of_digest else alone, cause="later")
    await core.jobs.run_due(["update"])
    job = await core.store.find_job(waiting)
    assert job is not None
    assert job.state is JobState.TODO
    assert UPDATE_POLL_INTERVAL <= job.due_at - core.clock() < 2 * UPDATE_POLL_INTERVAL
