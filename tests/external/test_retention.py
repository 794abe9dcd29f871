"""What is kept for a limited time is deleted."""

from datetime import timedelta

from bot.external.repository import ExternalRuns
from bot.external.retention import ExternalRetention
from bot.stores.sqlite.documents import SqliteDocuments
from bot.stores.sqlite.store import SqliteStore
from tests.fakes import FakeClock


async def test_a_log_is_deleted_when_its_time_is_over(store: SqliteStore, clock: FakeClock) -> None:
    documents = SqliteDocuments(store)
    runs, retention = ExternalRuns(documents), ExternalRetention(documents, clock=clock)
    await runs.append_log("r1", "x", max_bytes=9, expires=clock() + timedelta(hours=1))
    assert await retention.sweep() == 0
    clock.turn(seconds=3601)
    assert await retention.sweep() == 1
    assert await runs.find_log("r1") == ""
