"""What can be sent again, and which job does it."""

import pytest

from bot.delivery.resend import Resender
from bot.errors import UserError
from bot.models import Job, JobState
from tests.conftest import CoreHarness
from tests.factories import make_job

DEAD, UNCONFIRMED = JobState.DEAD, JobState.UNCONFIRMED


@pytest.fixture
def resender(core: CoreHarness) -> Resender:
    return core.context.delivery.resender


async def stored(core: CoreHarness, id_: str, state: JobState, **payload: object) -> Job:
    """Store a job of a run to a group. Its kind is what its id begins with."""
    job = make_job(
        id=id_,
        kind=id_.split(":", maxsplit=1)[0],
        run_id="r1",
        state=state,
        payload={"destination": "group:cidA"} | payload,
    )
    await core.store.add_job(job)
    return job


@pytest.mark.parametrize("kind", ["card", "note", "file", "update"])
@pytest.mark.parametrize("state", [DEAD, UNCONFIRMED])
async def test_what_was_not_delivered_is_sent_again_by_a_job_of_its_own(
    core: CoreHarness, resender: Resender, kind: str, state: JobState
) -> None:
    lost = await stored(core, f"{kind}:r1:group:cidA", state, part=2, way="digest")
    again = await resender.resend(lost.id, by="user01", cause="msg1")
    assert (again.id, again.kind, again.run_id) == (f"{kind}:r1:group:cidA~2", kind, "r1")
    assert again.payload == {
        "version": 1,
        "destination": "group:cidA",
        "part": 2,
        "again": lost.id,
        "by": "user01",
        "cause": "msg1",
    }
    assert await core.store.find_job(again.id) == again
    assert await resender.undelivered() == []


@pytest.mark.parametrize(
    ("id_", "state"),
    [
        ("file:r1:group:cidA", JobState.DONE),
        ("file:r1:group:cidA", JobState.TODO),
        ("export:r1", DEAD),
        ("tap:r1", DEAD),
    ],
)
async def test_nothing_else_is_sent_again(
    core: CoreHarness, resender: Resender, id_: str, state: JobState
) -> None:
    await stored(core, id_, state)
    for wanted in (id_, "file:r2:group:cidA"):
        with pytest.raises(UserError) as refused:
            await resender.resend(wanted, by="user01")
        assert refused.value.phrase == "nothing_to_resend"
    assert len(await core.store.find_jobs()) == 1


@pytest.mark.parametrize(
    ("lost", "again"),
    [
        ("file:r1:group:cidA~2", "file:r1:group:cidA~3"),
        ("file:r1:group:cidA~9", "file:r1:group:cidA~10"),
        ("file:r1:group:cid~A", "file:r1:group:cid~A~2"),
    ],
)
async def test_each_resend_has_the_next_number(
    core: CoreHarness, resender: Resender, lost: str, again: str
) -> None:
    await stored(core, lost, DEAD)
    assert (await resender.resend(lost, by="user01")).id == again


async def test_all_of_a_run_is_sent_again_once_for_each_request(
    core: CoreHarness, resender: Resender
) -> None:
    for id_ in ("card:r1:group:cidA", "file:r1:group:cidA"):
        await stored(core, id_, DEAD)
    await stored(core, "note:r1:group:cidB", JobState.DONE)
    await stored(core, "tap:r1", JobState.DONE)
    sent = await resender.resend_all("r1", by="user01", cause="msg1")
    assert [job.id for job in sent] == ["card:r1:group:cidA~2", "file:r1:group:cidA~2"]
    assert await resender.resend_all("r1", by="user01", cause="msg2") == []
    assert await resender.sent_for("r1", "msg1") == sent
    assert await resender.sent_for("r1", "msg2") == []
    assert await resender.sent_for("r2", "msg1") == []


async def test_undelivered_jobs_are_found_by_run_and_counted_over_all(
    core: CoreHarness, resender: Resender
) -> None:
    lost = await stored(core, "file:r1:group:cidA", UNCONFIRMED)
    await stored(core, "card:r1:group:cidA", JobState.DONE)
    await stored(core, "export:r1", DEAD)
    await core.store.add_job(make_job(run_id="r3"))
    assert (await resender.undelivered("r1"), await resender.undelivered("r2")) == ([lost], [])
    assert await resender.count_undelivered() == {DEAD: 0, UNCONFIRMED: 1}
    assert [job.id for job in await resender.jobs("r1")] == [lost.id, "card:r1:group:cidA", "export:r1"]
