"""What people request of the deliveries of a run."""

from dataclasses import replace

import pytest

from bot.delivery.payload import DeliveryPayload
from bot.delivery.plan import card_id, delivery_job
from bot.delivery.requests import DeliveryRequests
from bot.models import Destination, FileMode, JobState, QuotaKind, RecipientOptions, Run
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_run, make_schedule

PERSON = Destination.parse("user:user01")
MINUTE = 60


@pytest.fixture
def requests(core: CoreHarness) -> DeliveryRequests:
    return core.context.delivery.requests


async def test_a_report_is_requested_once_for_each_cause(
    core: CoreHarness, requests: DeliveryRequests
) -> None:
    run = make_run()
    assert not await requests.was_asked(run.id, GROUP, "msg1")
    assert await requests.send_report(run, GROUP, "msg1")
    assert not await requests.send_report(run, GROUP, "msg1")
    assert await requests.send_report(run, GROUP, "msg2")
    assert await requests.was_asked(run.id, GROUP, "msg1")
    assert not await requests.was_asked(run.id, PERSON, "msg1")
    jobs = await core.store.find_jobs(run_id=run.id)
    assert {(job.kind, DeliveryPayload.of(job).asked) for job in jobs} == {("file", True)}


async def test_the_cards_of_a_run_are_refreshed_and_those_of_no_other(
    core: CoreHarness, requests: DeliveryRequests
) -> None:
    first = await core.finished_run()
    core.clock.turn(seconds=1)
    second = await core.finished_run()
    await requests.refresh_cards(first, "cause")
    await requests.refresh_cards(first, "cause")
    (update,) = await core.store.find_jobs(kind="update")
    assert update.run_id == first.id
    assert await requests.card_destination(first.id, card_id(first.id, GROUP)) == GROUP
    assert await requests.card_destination(second.id, card_id(first.id, GROUP)) is None
    assert await requests.card_destination("r0", card_id("r0", GROUP)) is None


async def test_where_no_report_may_go_none_is_requested(
    core: CoreHarness, requests: DeliveryRequests
) -> None:
    never = RecipientOptions(to=GROUP, file=FileMode.NEVER)
    run = make_run(schedule=make_schedule(recipient_options=(never,)))
    assert not await requests.send_report(run, GROUP, "msg1")
    assert await core.store.find_jobs(run_id=run.id) == []


async def ended_request(core: CoreHarness, run: Run, state: JobState, *, asked: bool = True) -> None:
    """Store that the report was sent to the group now, or was not."""
    payload = DeliveryPayload(destination=GROUP, asked=asked)
    job = delivery_job("file", run.id, payload, core.clock(), cause="msg1")
    await core.store.add_job(replace(job, state=state))


@pytest.mark.parametrize(
    ("state", "asked", "counts"),
    [
        (JobState.DONE, True, True),
        (JobState.TODO, True, True),
        (JobState.DONE, False, False),
        (JobState.DEAD, True, False),
        (JobState.UNCONFIRMED, True, False),
    ],
)
async def test_a_report_was_asked_for_lately_if_it_has_come_or_will(
    core: CoreHarness, requests: DeliveryRequests, state: JobState, asked: bool, counts: bool
) -> None:
    run, now = make_run(), core.clock()
    await ended_request(core, run, state, asked=asked)
    assert await requests.asked_lately(run.id, GROUP) == (now if counts else None)
    assert await requests.asked_lately(run.id, PERSON) is None
    assert await requests.asked_lately("r2", GROUP) is None


async def test_ten_minutes_are_lately_and_the_last_request_counts(
    core: CoreHarness, requests: DeliveryRequests
) -> None:
    run = make_run()
    await requests.send_report(run, GROUP, "msg1")
    core.clock.turn(seconds=9 * MINUTE)
    await requests.send_report(run, GROUP, "msg2")
    assert await requests.asked_lately(run.id, GROUP) == core.clock()
    core.clock.turn(seconds=10 * MINUTE - 1)
    assert await requests.asked_lately(run.id, GROUP) is not None
    core.clock.turn(seconds=1)
    assert await requests.asked_lately(run.id, GROUP) is None


@pytest.mark.parametrize(
    ("kind", "attempts", "known"), [("card", 1, True), ("start", 1, True), ("card", 0, False)]
)
async def test_a_card_is_known_once_it_may_have_been_sent(
    core: CoreHarness, requests: DeliveryRequests, kind: str, attempts: int, known: bool
) -> None:
    job = delivery_job(kind, "r1", DeliveryPayload(destination=GROUP), core.clock())
    await core.store.add_job(replace(job, attempts=attempts))
    assert await requests.card_destination("r1", card_id("r1", GROUP)) == (GROUP if known else None)
    assert await requests.card_destination("r1", card_id("r1", PERSON)) is None
    assert await requests.card_destination("r1", card_id("r2", GROUP)) is None


@pytest.mark.parametrize(("calls", "left"), [(949, True), (950, False)])
async def test_people_get_what_they_request_until_calls_run_out(
    core: CoreHarness, calls: int, left: bool
) -> None:
    core.budget = Budget(limits={QuotaKind.API: 1_000})
    core.build()
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), QuotaKind.API, calls)
    assert await core.context.delivery.requests.has_calls_left(GROUP) is left


async def test_every_card_that_is_shown_is_refreshed_once_for_each_cause(
    core: CoreHarness, requests: DeliveryRequests
) -> None:
    core.schedule = make_schedule(notify_enable=True, send_to=(GROUP, PERSON))
    run = await core.finished_run()
    for cause in ("a", "a", "b"):
        await requests.refresh_cards(run, cause)
    updates = {job.id for job in await core.store.find_jobs(kind="update")}
    assert updates == {f"update:{run.id}:{to}:{cause}" for to in (GROUP, PERSON) for cause in "ab"}
