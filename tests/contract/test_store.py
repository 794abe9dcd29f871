"""Promises of every Store."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.models import (
    Destination,
    ExportStatus,
    Failure,
    Findings,
    Job,
    JobState,
    KindSummary,
    Person,
    PreviousRun,
    PushStatus,
    RunStatus,
    TaskCounts,
    TaskStatus,
    Trend,
)
from bot.ports import Store
from bot.wiring.stores import StoreSet, open_stores
from tests.factories import NOW, make_job, make_report, make_run, make_schedule

LATER = NOW + timedelta(seconds=30)


@pytest.fixture
def stores(both: tuple[StoreSet, StoreSet]) -> tuple[Store, Store]:
    """The same store, seen by two processes."""
    return both[0].store, both[1].store


@pytest.fixture
def store(stores: tuple[Store, Store]) -> Store:
    return stores[0]


async def test_a_run_comes_back_as_it_was(store: Store) -> None:
    run = make_run(
        schedule=make_schedule(send_to=(Destination.parse("group:cidA"),), at=NOW, ports=(80,)),
        asked_by=Person(id="user01", name="李雷"),
        asked_in=Destination.parse("user:user01"),
        task_ids=("t1", "t2"),
        task_counts=TaskCounts(total=2, done=1, error=1, found={"site": 3}),
        failures=(Failure(task_id="t2", target="[::1]:80", status=TaskStatus.ERROR, reason="{拒绝}"),),
        end_time=LATER,
        findings=Findings(
            rows=3,
            compared=True,
            kinds=(KindSummary(kind="site", total=3, new=1, gone=2, changed=1),),
            highlights=(KindSummary(kind="weak_password", total=1),),
        ),
        trend=Trend(
            streak=3,
            was_well=False,
            failures_changed=True,
            previous=PreviousRun(id="r1", start_time=NOW, seconds=1.5, complete=False, found={"site": 2}),
        ),
    )
    await store.add_run(run)
    assert await store.find_run(run.id) == replace(run, ordinal=1)


async def test_a_run_is_kept_once(store: Store) -> None:
    run = make_run()
    assert await store.add_run(run)
    assert not await store.add_run(replace(run, error_msg="another"))
    found = await store.find_run(run.id)
    assert found is not None
    assert found.error_msg == ""


async def test_runs_added_at_once_are_counted_by_schedule_without_a_gap(stores: tuple[Store, Store]) -> None:
    runs = [make_run(id=f"r{number}") for number in range(8)]
    await stores[0].add_run(make_run(schedule=make_schedule(id="s2")))
    await asyncio.gather(*(stores[number % 2].add_run(run) for number, run in enumerate(runs)))
    assert not await stores[1].add_run(runs[0])
    await stores[0].add_run(make_run())
    found = await stores[0].find_runs(schedule_id="s1")
    assert sorted(run.ordinal for run in found) == list(range(1, 10))


async def test_an_unknown_run_is_not_found(store: Store) -> None:
    assert await store.find_run("r0") is None
    assert await store.update_run("r0", {"error_msg": "x"}) is None


async def test_an_update_leaves_the_other_fields_to_other_writers(stores: tuple[Store, Store]) -> None:
    run = make_run()
    await stores[0].add_run(run)
    await stores[0].update_run(run.id, {"push_status": PushStatus.SUCCESS})
    after = await stores[1].update_run(run.id, {"export_status": ExportStatus.ERROR, "export_error": "full"})
    assert after is not None
    assert (after.push_status, after.export_error) == (PushStatus.SUCCESS, "full")


async def test_an_update_can_ask_for_a_status(store: Store) -> None:
    run = make_run()
    await store.add_run(run)
    first = await store.update_run(run.id, {"status": RunStatus.FINISHED}, when=RunStatus.RUNNING)
    second = await store.update_run(run.id, {"status": RunStatus.ERROR}, when=RunStatus.RUNNING)
    assert first is not None
    assert second is None
    found = await store.find_run(run.id)
    assert found is not None
    assert found.status is RunStatus.FINISHED


async def test_the_newest_runs_come_first(store: Store) -> None:
    for minute in (2, 0, 1):
        start = NOW + timedelta(minutes=minute)
        schedule = make_schedule(id=f"s{minute % 2}")
        await store.add_run(make_run(id=f"r{minute}", start_time=start, schedule=schedule))
    assert [run.id for run in await store.find_runs()] == ["r2", "r1", "r0"]
    assert [run.id for run in await store.find_runs(limit=1)] == ["r2"]
    assert [run.id for run in await store.find_runs(schedule_id="s0")] == ["r2", "r0"]


async def test_open_runs_are_found_however_many(store: Store) -> None:
    for number in range(30):
        status = RunStatus.RUNNING if number % 2 else RunStatus.FINISHED
        await store.add_run(make_run(status=status))
    assert len(await store.find_runs(status=RunStatus.RUNNING, limit=0)) == 15


async def test_a_job_is_kept_once_even_after_its_end(store: Store) -> None:
    job = make_job(payload={"a": [1, {"b": None}]})
    assert await store.add_job(job)
    claimed = await store.claim_job(["card"], "me", NOW, LATER)
    assert claimed is not None
    await store.save_job(replace(claimed, state=JobState.DONE))
    assert not await store.add_job(job)
    assert await store.find_job("nothing") is None


async def test_the_next_due_job_is_known_before_it_can_be_claimed(store: Store) -> None:
    assert await store.next_due(["card", "file"]) is None
    await store.add_job(make_job(id="card:1", kind="card", due_at=LATER))
    await store.add_job(make_job(id="other:1", kind="other"))
    assert await store.next_due(["card", "file"]) == LATER
    await store.add_job(make_job(id="file:1", kind="file"))
    assert await store.next_due(["card", "file"]) == NOW


async def test_a_claimed_job_is_due_again_when_its_lease_ends_and_an_ended_one_never(store: Store) -> None:
    await store.add_job(make_job(id="card:1", kind="card"))
    claimed = await store.claim_job(["card"], "me", NOW, LATER)
    assert claimed
    assert await store.next_due(["card"]) == LATER
    await store.save_job(replace(claimed, state=JobState.DONE, lease_until=None, ended_at=NOW))
    assert await store.next_due(["card"]) is None


async def test_the_job_due_longest_is_claimed_first(store: Store) -> None:
    await store.add_job(make_job(id="young", due_at=NOW - timedelta(seconds=1)))
    await store.add_job(make_job(id="old", due_at=NOW - timedelta(seconds=2)))
    await store.add_job(make_job(id="future", due_at=LATER))
    claims = [await store.claim_job(["card"], "me", NOW, LATER) for _ in range(3)]
    assert [claim and claim.id for claim in claims] == ["old", "young", None]


async def test_of_all_kinds_the_job_due_longest_is_claimed_first(store: Store) -> None:
    for number, kind in enumerate(["file", "card", "file", "note", "card"]):
        since = NOW - timedelta(seconds=10 - number)
        await store.add_job(make_job(id=f"{number}", kind=kind, due_at=since))
    lost = make_job(id="lost", kind="note", state=JobState.DOING, lease_until=NOW - timedelta(seconds=7.5))
    await store.add_job(lost)
    claims = [await store.claim_job(["card", "file", "note"], "me", NOW, LATER) for _ in range(7)]
    assert [claim and claim.id for claim in claims] == ["0", "1", "2", "lost", "3", "4", None]


async def test_a_claim_is_leased_and_counted(store: Store) -> None:
    await store.add_job(make_job())
    job = await store.claim_job(["card"], "me", NOW, LATER)
    assert job is not None
    assert (job.state, job.owner, job.lease_until, job.attempts) == (JobState.DOING, "me", LATER, 1)


async def test_only_the_kinds_asked_for_are_claimed(store: Store) -> None:
    await store.add_job(make_job(kind="export"))
    assert await store.claim_job(["card", "file"], "me", NOW, LATER) is None


async def test_ten_claims_at_once_never_share_a_job(stores: tuple[Store, Store]) -> None:
    for number in range(7):
        await stores[0].add_job(make_job(id=f"job{number}"))
    claims = [stores[n % 2].claim_job(["card"], f"p{n}", NOW, LATER) for n in range(10)]
    got = [job.id for job in await asyncio.gather(*claims) if job]
    assert sorted(got) == [f"job{number}" for number in range(7)]


async def test_what_a_clock_ahead_put_off_can_be_freed(store: Store) -> None:
    far = NOW + timedelta(hours=3)
    for job in (make_job(id="far", due_at=far), make_job(id="near", due_at=LATER)):
        await store.add_job(job)
    leased = make_job(id="leased", state=JobState.DOING, owner="dead", attempts=1, lease_until=far)
    await store.add_job(leased)
    assert await store.free_future(NOW, LATER) == 2
    claims = [await store.claim_job(["card"], "me", NOW, LATER) for _ in range(3)]
    assert sorted(job.id for job in claims if job) == ["far", "leased"]


async def test_a_job_comes_back_when_its_lease_ends(stores: tuple[Store, Store]) -> None:
    await stores[0].add_job(make_job())
    await stores[0].claim_job(["card"], "dead", NOW, LATER)
    assert await stores[1].claim_job(["card"], "me", LATER - timedelta(seconds=1), LATER) is None
    again = await stores[1].claim_job(["card"], "me", LATER, LATER + timedelta(seconds=30))
    assert again is not None
    assert again.attempts == 2


async def test_a_lost_claim_writes_nothing(stores: tuple[Store, Store]) -> None:
    await stores[0].add_job(make_job(id="j"))
    slow = await stores[0].claim_job(["card"], "same", NOW, LATER)
    fast = await stores[1].claim_job(["card"], "same", LATER, LATER + timedelta(seconds=30))
    assert slow is not None
    assert fast is not None
    assert not await stores[0].save_job(replace(slow, state=JobState.DONE))
    assert await stores[1].save_job(replace(fast, send_attempted=True, result={"id": "m"}))
    found = await stores[0].find_job("j")
    assert found is not None
    assert (found.state, found.send_attempted, found.result) == (JobState.DOING, True, {"id": "m"})


async def test_a_job_that_ended_is_written_no_more(store: Store) -> None:
    await store.add_job(make_job())
    job = await store.claim_job(["card"], "me", NOW, LATER)
    assert job is not None
    assert await store.save_job(replace(job, state=JobState.DONE, ended_at=NOW))
    assert not await store.save_job(replace(job, state=JobState.TODO))


async def test_only_waiting_jobs_are_advanced(store: Store) -> None:
    await store.add_job(make_job(id="waiting", due_at=LATER))
    await store.add_job(make_job(id="done"))
    job = await store.claim_job(["card"], "me", NOW, LATER)
    assert job is not None
    await store.save_job(replace(job, state=JobState.DONE))
    await store.make_jobs_due(["waiting", "done", "unknown"], NOW)
    claims = [await store.claim_job(["card"], "me", NOW, LATER) for _ in range(2)]
    assert [claim and claim.id for claim in claims] == ["waiting", None]


async def test_jobs_are_found_by_run_kind_and_state_oldest_first(store: Store) -> None:
    for number in range(3):
        created = NOW + timedelta(seconds=2 - number)
        await store.add_job(make_job(id=f"j{number}", run_id="r1", created_at=created))
    await store.add_job(make_job(id="other", run_id="r2", kind="file", state=JobState.DEAD))
    assert [job.id for job in await store.find_jobs(run_id="r1")] == ["j2", "j1", "j0"]
    assert [job.id for job in await store.find_jobs(kind="file")] == ["other"]
    assert [job.id for job in await store.find_jobs(states={JobState.DEAD})] == ["other"]
    assert len(await store.find_jobs(limit=2)) == 2


async def test_a_report_per_run_and_the_newest_wins(store: Store) -> None:
    await store.save_report(make_report(run_id="r1"))
    await store.save_report(make_report(run_id="r1", media_id="@abc"))
    await store.save_report(make_report(run_id="r2", made_at=LATER))
    assert [report.media_id for report in await store.find_reports(run_id="r1")] == ["@abc"]
    assert [report.run_id for report in await store.find_reports(schedule_id="s1", limit=5)] == ["r2", "r1"]
    assert await store.find_reports(run_id="r3") == []


async def test_a_fact_is_remembered_over_the_one_before(stores: tuple[Store, Store]) -> None:
    assert await stores[0].find_value("tick") is None
    await stores[0].set_value("tick", "1")
    await stores[1].set_value("tick", "2")
    assert await stores[0].find_value("tick") == "2"


async def test_a_microsecond_is_kept(store: Store) -> None:
    moment = NOW + timedelta(microseconds=123_456)
    run = make_run(start_time=moment, end_time=moment, schedule=make_schedule(at=moment))
    await store.add_run(run)
    assert await store.find_run(run.id) == replace(run, ordinal=1)
    job = make_job(created_at=moment, due_at=moment, ended_at=moment, state=JobState.DONE)
    await store.add_job(job)
    assert await store.find_job(job.id) == job
    report = make_report(made_at=moment)
    await store.save_report(report)
    assert await store.find_reports(run_id="r1") == [report]


async def test_a_changed_time_is_kept_to_the_microsecond(store: Store) -> None:
    moment = NOW + timedelta(microseconds=999_999)
    run = make_run()
    await store.add_run(run)
    changed = await store.update_run(run.id, {"end_time": moment})
    assert changed is not None
    assert changed.end_time == moment
    await store.add_job(make_job(id="j"))
    job = await store.claim_job(["card"], "me", moment, moment + timedelta(seconds=1))
    assert job is not None
    assert job.lease_until == moment + timedelta(seconds=1)
    assert await store.save_job(replace(job, state=JobState.TODO, due_at=moment, lease_until=None))
    await store.make_jobs_due(["j"], moment - timedelta(microseconds=5_001))
    found = await store.find_job("j")
    assert found is not None
    assert (found.due_at, found.lease_until) == (moment - timedelta(microseconds=5_001), None)


async def test_what_comes_from_outside_is_kept_whatever_it_is_called(store: Store) -> None:
    odd = {"a.b": 1, "$set": {"": "\0"}, "很大": 2**70, "list": [None, True, 1.5, {"c.d": []}]}
    await store.add_job(make_job(id="j", payload=odd, result=odd))
    job = await store.claim_job(["card"], "me", NOW, LATER)
    assert job is not None
    assert (job.payload, job.result) == (odd, odd)


async def test_equal_times_keep_the_order_of_adding(store: Store) -> None:
    for id_ in ("c", "a", "b"):
        await store.add_job(make_job(id=id_, run_id="r1"))
        await store.add_run(make_run(id=f"run-{id_}"))
    assert [job.id for job in await store.find_jobs(run_id="r1")] == ["c", "a", "b"]
    assert [run.id for run in await store.find_runs()] == ["run-b", "run-a", "run-c"]


async def test_a_store_opens_twice_at_once(address: str) -> None:
    several = [open_stores(address).store for _ in range(3)]
    await asyncio.gather(*(store.open() for store in several))
    assert await several[0].add_run(make_run(id="r"))
    assert not await several[2].add_run(make_run(id="r"))
    for store in several:
        await store.close()


async def end(store: Store, job_id: str, state: JobState, *, at: datetime = NOW, **changes: object) -> None:
    await store.add_job(make_job(id=job_id, **changes))
    claimed = await store.claim_job([str(changes.get("kind", "card"))], "me", NOW, NOW + timedelta(seconds=9))
    assert claimed
    await store.save_job(replace(claimed, state=state, ended_at=at))


async def test_what_did_not_arrive_is_found_among_whatever_else_went_wrong(store: Store) -> None:
    for number in range(5):
        await end(store, f"export:{number}", JobState.DEAD, kind="export")
    await end(store, "a", JobState.DEAD, run_id="r1")
    await end(store, "b", JobState.UNCONFIRMED, run_id="r2")
    await end(store, "c", JobState.DONE)
    found = await store.find_undelivered(["card", "file"])
    assert [job.id for job in found] == ["a", "b"]
    assert [job.id for job in await store.find_undelivered(["card"], limit=1)] == ["b"]
    assert [job.id for job in await store.find_undelivered(["card"], run_id="r2")] == ["b"]
    assert await store.count_undelivered(["card"]) == {JobState.DEAD: 1, JobState.UNCONFIRMED: 1}


async def test_what_was_replaced_is_told_no_more(store: Store) -> None:
    await end(store, "a", JobState.DEAD)
    await end(store, "b", JobState.DONE)
    for by in ("a~2", "a~3"):
        await store.mark_replaced("a", by)
        await store.mark_replaced("b", by)
    assert await store.find_undelivered(["card"]) == []
    assert await store.count_undelivered(["card"]) == {JobState.DEAD: 0, JobState.UNCONFIRMED: 0}
    found = [await store.find_job(id_) for id_ in ("a", "b")]
    assert [job.replaced_by for job in found if job] == ["a~2", ""]


async def test_what_ended_lately_is_found_in_the_order_of_its_ends(store: Store) -> None:
    for number in (3, 1, 2, 0):
        await end(store, f"j{number}", JobState.DONE, at=NOW + timedelta(seconds=number))
    await store.add_job(make_job(id="open"))
    found = await store.find_ended(["card"], NOW + timedelta(seconds=1))
    assert [job.id for job in found] == ["j1", "j2", "j3"]
    assert await store.find_ended(["file"], NOW) == []
    assert await store.find_ended(["card"], NOW, {JobState.DEAD}) == []


def ended_job(id_: str, **changes: Any) -> Job:
    values = {"kind": "message", "payload": {"text": "状态"}, "state": JobState.DONE, "ended_at": NOW}
    return make_job(id=id_, **(values | changes))


async def payloads(store: Store) -> dict[str, bool]:
    """Tell which jobs still have theirs."""
    return {job.id: bool(job.payload) for job in await store.find_jobs()}


async def test_payloads_of_ended_jobs_are_emptied_by_kind_and_time(store: Store) -> None:
    for job in (
        ended_job("old"),
        ended_job("dead", state=JobState.DEAD),
        ended_job("unconfirmed", state=JobState.UNCONFIRMED),
        ended_job("young", ended_at=LATER),
        ended_job("older", ended_at=NOW - timedelta(seconds=1)),
        ended_job("waiting", state=JobState.TODO, ended_at=None),
        ended_job("card", kind="card"),
    ):
        await store.add_job(job)
    assert await store.clear_payloads(["message", "delay"], NOW, LATER, limit=10) == 3
    assert {id_ for id_, kept in (await payloads(store)).items() if not kept} == {
        "old",
        "dead",
        "unconfirmed",
    }
    assert await store.clear_payloads(["message", "delay"], NOW, LATER, limit=10) == 0


async def test_only_so_many_payloads_are_emptied_at_once_the_oldest_first(store: Store) -> None:
    for number in (3, 1, 2):
        await store.add_job(ended_job(f"m{number}", ended_at=NOW + timedelta(seconds=number)))
    assert await store.clear_payloads(["message"], NOW, LATER, limit=2) == 2
    assert await payloads(store) == {"m3": True, "m1": False, "m2": False}
    assert await store.clear_payloads(["message"], NOW, LATER, limit=2) == 1


async def test_what_else_is_known_of_a_job_stays(store: Store) -> None:
    job = ended_job("m1", result={"message_id": "x"}, error="why", send_attempted=True)
    await store.add_job(job)
    await store.clear_payloads(["message"], NOW, LATER, limit=2)
    assert await store.find_job("m1") == replace(job, payload={})
    assert not await store.add_job(job)


async def test_text_that_utf_8_cannot_hold_is_kept_without_it(store: Store) -> None:
    payload = {"text": "重跑 \ud83d", "deep": [{"\udcff": ["\udcff"]}]}
    await store.add_job(make_job(id="odd", run_id="r\udcff", payload=payload))
    odd = await store.find_job("odd")
    assert odd is not None
    assert (odd.run_id, odd.payload["text"]) == ("r\ufffd", "重跑 \ufffd")
    await store.save_job(replace(odd, error="\udcff"))
    person = Person(id="u1", name="\ud83d")
    await store.add_run(make_run(id="r1", schedule=make_schedule(name="\ud83d巡检"), asked_by=person))
    run = await store.find_run("r1")
    assert run is not None
    assert (run.schedule_name, run.asked_by) == ("\ufffd巡检", replace(person, name="\ufffd"))
