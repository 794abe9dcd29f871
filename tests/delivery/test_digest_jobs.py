"""The job of a digest, as each of its members sees it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.delivery.circuit_breaker import CircuitBreaker
from bot.delivery.digests import DigestMissedError, Digests, DigestUnconfirmedError, digest_id
from bot.delivery.payload import DeliveryPayload
from bot.errors import PermanentError
from bot.jobs.queue import Postpone
from bot.models import Destination, JobState, PushStatus
from cards.render import Cards
from tests.conftest import GROUP, CoreHarness
from tests.delivery.test_digests import MANY, end_together, later
from tests.factories import NOW, make_job

DUE = NOW + timedelta(seconds=20)
POLL = timedelta(seconds=5)
DIGEST, MEMBER = digest_id(GROUP, DUE), "card:r1:group:cidA"


@pytest.fixture
def digests(core: CoreHarness) -> Digests:
    breaker = CircuitBreaker(core.store, core.notices, clock=core.clock)
    channels = core.adapters.channels
    return Digests(core.store, core.jobs, channels=channels, cards=Cards(), circuit_breaker=breaker)


async def stored(
    core: CoreHarness,
    state: JobState,
    *,
    to: Destination = GROUP,
    due: datetime = DUE,
    members: list[str] | None = None,
) -> str:
    """Store a digest, with its members if they are chosen already, and return its id."""
    payload = DeliveryPayload(destination=to).as_json() | ({} if members is None else {"members": members})
    job = make_job(id=digest_id(to, due), kind="digest", state=state, payload=payload, due_at=due)
    await core.store.add_job(replace(job, error="no robot", result={"message_id": "m1"}))
    return job.id


@pytest.mark.parametrize("to", ["group:cidA", "group:cid/+=#second", "webhook:ops"])
@pytest.mark.parametrize("quiet", [False, True])
async def test_the_first_member_creates_the_digest_and_waits_until_it_is_sent(
    core: CoreHarness, digests: Digests, to: str, quiet: bool
) -> None:
    digest = digest_id(Destination.parse(to), DUE)
    for _ in range(2):
        with pytest.raises(Postpone) as waits:
            await digests.outcome(digest, MEMBER, quiet=quiet)
        assert waits.value.due == DUE + POLL
    (job,) = await core.store.find_jobs(kind="digest")
    assert (job.id, job.due_at, job.created_at, job.state) == (digest, DUE, core.clock(), JobState.TODO)
    payload = DeliveryPayload.of(job)
    assert (str(payload.destination), payload.quiet) == (to, quiet)


async def test_a_member_has_the_outcome_of_its_digest(core: CoreHarness, digests: Digests) -> None:
    await stored(core, JobState.DONE, members=["card:r0:group:cidA", MEMBER])
    assert await digests.outcome(DIGEST, MEMBER) == {"message_id": "m1", "digest": DIGEST}


@pytest.mark.parametrize("state", [JobState.DONE, JobState.DOING, JobState.TODO, JobState.DEAD])
async def test_whoever_is_not_among_the_members_has_missed_it(
    core: CoreHarness, digests: Digests, state: JobState
) -> None:
    await stored(core, state, members=["card:r0:group:cidA"])
    with pytest.raises(DigestMissedError):
        await digests.outcome(DIGEST, MEMBER)


async def test_a_member_of_a_digest_that_is_late_waits_on(core: CoreHarness, digests: Digests) -> None:
    core.clock.turn(seconds=60)
    await stored(core, JobState.DOING, members=[MEMBER])
    with pytest.raises(Postpone) as waits:
        await digests.outcome(DIGEST, MEMBER)
    assert waits.value.due == core.clock() + POLL


async def test_a_digest_that_nobody_got_fails_its_members_for_the_same_reason(
    core: CoreHarness, digests: Digests
) -> None:
    await stored(core, JobState.DEAD, members=[MEMBER])
    with pytest.raises(PermanentError, match=r"^no robot$"):
        await digests.outcome(DIGEST, MEMBER)


async def test_a_digest_that_may_have_come_leaves_its_members_in_doubt(
    core: CoreHarness, digests: Digests
) -> None:
    await stored(core, JobState.UNCONFIRMED, members=[MEMBER])
    with pytest.raises(DigestUnconfirmedError, match="may have been sent"):
        await digests.outcome(DIGEST, MEMBER)


async def test_the_open_digest_of_a_destination_collects_until_it_is_due(
    core: CoreHarness, digests: Digests
) -> None:
    await stored(core, JobState.TODO, to=Destination.parse("group:cidB"))
    await stored(core, JobState.DONE, due=DUE + POLL)
    await stored(core, JobState.TODO, due=DUE + 2 * POLL, members=[MEMBER])
    assert await digests.find_open(GROUP) == ""
    open_one = await stored(core, JobState.TODO, due=DUE + 3 * POLL)
    assert await digests.find_open(GROUP) == open_one
    assert await digests.find_open(GROUP, other_than=DUE + 3 * POLL) == ""
    assert await digests.find_open(GROUP, other_than=DUE) == open_one
    core.clock.now = DUE + 3 * POLL
    assert await digests.find_open(GROUP) == ""


async def test_the_runs_of_a_digest_are_those_of_its_members(core: CoreHarness, digests: Digests) -> None:
    await stored(core, JobState.DONE, members=[MEMBER, "note:r2:webhook:ops"])
    assert await digests.runs_in(DIGEST) == {"r1", "r2"}
    assert await digests.runs_in(digest_id(GROUP, NOW)) == set()


async def test_a_digest_without_members_is_not_sent(core: CoreHarness) -> None:
    digest = await stored(core, JobState.TODO)
    core.clock.now = DUE
    await core.do_jobs()
    job = await core.store.find_job(digest)
    assert job is not None
    assert (job.state, job.result["skipped"]) == (JobState.DONE, "no summary joined")
    assert core.messenger.sent == []


@pytest.mark.parametrize("state", [JobState.TODO, JobState.DEAD, JobState.DONE])
async def test_only_the_card_of_a_digest_that_was_sent_is_refreshed(
    core: CoreHarness, digests: Digests, state: JobState
) -> None:
    await digests.refresh_cards(await stored(core, state, members=[MEMBER]))  # it went as a message
    await digests.refresh_cards(digest_id(GROUP, NOW))
    assert core.messenger.sent == []


async def test_a_digest_to_a_group_that_the_robot_is_not_in_fails_all_its_runs_at_once(
    core: CoreHarness,
) -> None:
    runs = await end_together(core, MANY)
    core.messenger.trouble = [
        PermanentError("the robot is not in the group", setup_fault="robot_not_in_group")
    ]
    await later(core)
    assert core.messenger.trouble == []
    assert core.messenger.verbs() == ["card"] * 10  # nothing else is tried there
    statuses = [(await core.run(run.id)).push_status for run in runs]
    assert sorted(statuses) == [PushStatus.ERROR] * 5 + [PushStatus.SUCCESS] * 10
