"""What is noted while a request is processed is in its entry."""

import pytest

from bot.audit.request import audited, finish_entry, note_command, note_decision, note_run, note_schedule
from bot.errors import PermanentError, TemporaryError
from bot.models import AuditEntry, AuditOutcome
from tests.factories import make_audit_entry, make_run, make_schedule

PENDING = make_audit_entry(id="message:1", outcome=AuditOutcome.PENDING, command="", rule="")


class Recorded(list[AuditEntry]):
    """The entries that were stored, in their order."""

    async def add(self, entry: AuditEntry) -> None:
        self.append(entry)


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


async def test_a_request_that_ends_well_was_accepted(recorded: Recorded) -> None:
    async with audited(recorded.add, PENDING):
        note_command("重跑")
        note_decision(allowed=True, rule="access.operators")
        note_run(make_run(id="r1", schedule=make_schedule(id="s9", name="周扫描")))
    (entry,) = recorded
    assert (entry.outcome, entry.command, entry.rule) == (AuditOutcome.ACCEPTED, "重跑", "access.operators")
    assert (entry.schedule_id, entry.schedule_name, entry.run_id) == ("s9", "周扫描", "r1")


async def test_the_outcome_is_stored_before_the_answer(recorded: Recorded) -> None:
    async with audited(recorded.add, PENDING):
        await finish_entry(AuditOutcome.REFUSED, "denied")
        assert len(recorded) == 1
    assert [entry.outcome for entry in recorded] == [AuditOutcome.REFUSED]


async def test_a_request_that_is_tried_again_is_pending_until_then(recorded: Recorded) -> None:
    with pytest.raises(TemporaryError):
        async with audited(recorded.add, PENDING):
            raise TemporaryError("the engine is down")
    async with audited(recorded.add, PENDING):
        pass
    assert [(each.outcome, each.detail) for each in recorded] == [
        (AuditOutcome.PENDING, "the engine is down"),
        (AuditOutcome.ACCEPTED, ""),
    ]


async def test_a_store_that_is_down_hides_no_error() -> None:
    async def fail(entry: AuditEntry) -> None:
        raise TemporaryError("the store is down")

    with pytest.raises(TemporaryError, match="the engine is down"):
        async with audited(fail, PENDING):
            raise TemporaryError("the engine is down")


async def test_a_request_that_is_given_up_is_left_to_its_job(recorded: Recorded) -> None:
    with pytest.raises(PermanentError):
        async with audited(recorded.add, PENDING):
            raise PermanentError("gone")
    assert recorded == []


async def test_outside_of_a_request_nothing_is_recorded(recorded: Recorded) -> None:
    async with audited(recorded.add, PENDING):
        pass
    note_schedule(make_schedule(id="s9"))
    note_decision(allowed=False, rule="late")
    await finish_entry(AuditOutcome.FAILED)
    assert [entry.outcome for entry in recorded] == [AuditOutcome.ACCEPTED]
