"""Entries are written once and expire."""

from datetime import timedelta

import pytest

from bot.audit.log import BATCH_SIZE, MAX_BATCHES, AuditLog
from bot.audit.reader import AuditReader
from bot.errors import PermanentError
from bot.models import AuditEntry
from bot.stores.sqlite.audit import SqliteAudit
from bot.stores.sqlite.store import SqliteStore
from tests.factories import make_audit_entry
from tests.fakes import FakeClock

KEEP = timedelta(days=365)


@pytest.fixture
def audit(store: SqliteStore, clock: FakeClock) -> AuditLog:
    return AuditLog(SqliteAudit(store), clock=clock, keep=KEEP)


@pytest.fixture
def reader(store: SqliteStore) -> AuditReader:
    return AuditReader(SqliteAudit(store))


async def test_an_entry_is_kept_for_the_days_of_the_settings(
    audit: AuditLog, reader: AuditReader, clock: FakeClock
) -> None:
    entry = make_audit_entry(at=clock())
    await audit.record(entry)
    clock.turn(seconds=KEEP.total_seconds())
    assert await audit.purge_expired() == 0
    assert await reader.find() == [entry]
    clock.turn(seconds=1)
    assert await audit.purge_expired() == 1
    assert await reader.find() == []


async def test_a_sweep_is_limited(audit: AuditLog, clock: FakeClock) -> None:
    store = _Endless()
    assert await AuditLog(store, clock=clock, keep=KEEP).purge_expired() == BATCH_SIZE * MAX_BATCHES


class _Endless(SqliteAudit):
    """An audit with more old entries than a sweep deletes."""

    def __init__(self) -> None:
        """Need no file."""

    async def purge_entries(self, before: object, *, limit: int) -> int:
        return limit


class _Damaged(SqliteAudit):
    """An audit in a damaged file."""

    def __init__(self) -> None:
        """Need no file."""

    async def add_entry(self, entry: AuditEntry) -> bool:
        raise PermanentError("the store is damaged")


async def test_an_entry_that_cannot_be_stored_is_logged(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await AuditLog(_Damaged(), clock=clock, keep=KEEP).record(make_audit_entry(id="message:1"))
    assert "message:1: the store is damaged" in caplog.text
