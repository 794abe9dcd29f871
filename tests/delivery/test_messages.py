"""The summary of a run as a message: where cards are not taken, and to people and robots without cards."""

from bot.delivery.payload import DeliveryPayload, Obstacle
from bot.delivery.routing import Route
from bot.errors import PermanentError, TemporaryError
from bot.models import Destination, Findings, Job, JobState, NotifyOn, QuotaKind, RecipientOptions, Run
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule

ROBOT, PERSON = Destination.parse("webhook:ops"), Destination.parse("work:user01")
NOT_IN_GROUP = PermanentError("not in the group", setup_fault="robot_not_in_group")


async def finished(core: CoreHarness, *to: Destination, **schedule: object) -> Run:
    core.schedule = make_schedule(**{"notify_enable": True, "send_to": to, "export": False} | schedule)
    core.engine.known[:] = [core.schedule]
    return await core.finished_run()


async def message_of(core: CoreHarness, run: Run) -> Job:
    (job,) = await core.store.find_jobs(run_id=run.id, kind="note")
    return job


def told(core: CoreHarness, to: Destination) -> list[str]:
    return [what for verb, where, what in core.messenger.sent if (verb, where) == ("note", str(to))]


async def test_a_message_in_place_of_a_card_mentions_the_same_people(core: CoreHarness) -> None:
    core.messenger.trouble_with["card"] = [PermanentError("no scope")]
    options = (RecipientOptions(to=GROUP, mention=("user07",)),)
    await finished(core, GROUP, recipient_options=options)
    assert len(told(core, GROUP)) == 1
    assert core.messenger.mentioned == [("user07",)]


async def test_as_calls_run_out_the_robot_of_the_destination_speaks_at_once(core: CoreHarness) -> None:
    core.fallback_webhooks = {str(PERSON): ROBOT}
    core.budget = Budget(limits={QuotaKind.API: 100})
    core.build()
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), QuotaKind.API, 96)
    job = await message_of(core, await finished(core, PERSON))
    payload = DeliveryPayload.of(job)
    assert (job.state, payload.route, payload.via) == (JobState.DONE, Route.WEBHOOK_FALLBACK, ROBOT)
    assert (told(core, PERSON), len(told(core, ROBOT))) == ([], 1)


async def test_a_message_that_is_not_wanted_says_why(core: CoreHarness) -> None:
    core.exporter.findings = Findings(rows=3, compared=True)
    await finished(core, ROBOT, export=True, notify_on=NotifyOn.CHANGE)  # the first run is a change
    core.exporter.trouble = [
        TemporaryError("disk full", retry_after=30)
    ]  # so its message is stored and waits
    core.clock.turn(seconds=1)
    run = await core.finished_run()
    core.clock.turn(seconds=61)
    await core.do_jobs()
    job = await message_of(core, run)
    assert (job.state, job.result) == (JobState.DONE, {"skipped": Obstacle.UNCHANGED})
    assert len(told(core, ROBOT)) == 1


async def test_a_message_that_a_person_sends_again_tries_a_closed_destination(core: CoreHarness) -> None:
    core.messenger.trouble_with["note"] = [NOT_IN_GROUP]
    lost = await message_of(core, await finished(core, ROBOT))
    assert lost.state is JobState.DEAD
    core.clock.turn(seconds=1)
    waits = await message_of(core, await core.finished_run())
    assert waits.state is JobState.DEAD  # nothing is tried there for an hour
    again = await core.context.delivery.resender.resend(lost.id, by="user01")
    await core.do_jobs()
    found = await core.store.find_job(again.id)
    assert found is not None
    assert (found.state, len(told(core, ROBOT))) == (JobState.DONE, 1)
