"""ReservationStore in the SQLite file of the store."""

from datetime import datetime, timedelta
from sqlite3 import Row

from bot.models import Reservation
from bot.stores.sqlite.rows import RESERVATIONS, stamp
from bot.stores.sqlite.store import SqliteStore

KEPT = timedelta(days=1)  # after its end

RESERVE = """
insert into reservations (key, owner, since, until, details) values (:key, :owner, :since, :until, :details)
on conflict (key) do update set owner = :owner, since = :since, until = :until, details = :details
where reservations.until <= :since returning *
"""


class SqliteReservations:
    """ReservationStore on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def reserve(self, wanted: Reservation) -> Reservation:
        await self._store.rows(
            "delete from reservations where until < :before", {"before": stamp(wanted.since - KEPT)}
        )
        while True:
            rows = await self._store.rows(RESERVE, RESERVATIONS.row(wanted))
            rows = rows or await self._find(wanted.key)
            if rows:  # otherwise it was released a moment ago
                return RESERVATIONS.model(rows[0])

    async def find_reservation(self, key: str, now: datetime) -> Reservation | None:
        found = [RESERVATIONS.model(row) for row in await self._find(key)]
        return next((each for each in found if each.until > now), None)

    async def release(self, key: str, owner: str) -> bool:
        sql = "delete from reservations where key = :key and owner = :owner returning 1"
        return await self._store.change(sql, {"key": key, "owner": owner})

    async def _find(self, key: str) -> list[Row]:
        return await self._store.rows("select * from reservations where key = :key", {"key": key})
