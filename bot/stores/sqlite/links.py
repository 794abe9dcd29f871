"""DownloadLinkStore in the SQLite file of the store."""

from collections.abc import Sequence
from datetime import datetime

from bot.downloads import Download, DownloadLink
from bot.stores.sqlite.rows import DOWNLOADS, LINKS, stamp
from bot.stores.sqlite.sql import insert
from bot.stores.sqlite.store import SqliteStore

SIGNING_KEY = """
insert into facts (key, value) values ('link-key', :candidate)
on conflict do update set value = value returning value
"""

FIND_LINK = "select *, (select count(*) from downloads where link_id = links.id) as downloads from links"

ADD_DOWNLOAD = """
insert into downloads (link_id, run_id, at, address, agent, id, finished, resumes)
select id, run_id, :at, :address, :agent, :id, :finished, :resumes from links
where id = :link_id and revoked_at is null and expires_at > :at
and (select count(*) from downloads where link_id = links.id) < max_downloads
returning number
"""

RESUME = """
update downloads set resumes = resumes + 1
where number = (
    select number from downloads where link_id = :link_id and address = :address and agent = :agent
    and at >= :since and not finished and resumes < :max_resumes and id <> '' order by number desc limit 1
) returning id
"""

FINISH = "update downloads set finished = 1 where link_id = :link_id and id = :id"

REVOKE = """
update links set revoked_at = :now
where run_id = :run_id and revoked_at is null and expires_at > :now
returning (select count(*) from downloads where link_id = links.id) < max_downloads as open
"""


class SqliteLinks:
    """DownloadLinkStore on the file of a `SqliteStore`, which opens and closes it."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def signing_key(self, candidate: str) -> str:
        (row,) = await self._store.rows(SIGNING_KEY, {"candidate": candidate})
        return str(row["value"])

    async def add_link(self, link: DownloadLink) -> bool:
        columns = tuple(name for name in LINKS.columns if name != "downloads")
        return await self._store.change(insert("links", columns), LINKS.row(link))

    async def find_link(self, link_id: str) -> DownloadLink | None:
        rows = await self._store.rows(f"{FIND_LINK} where id = :id", {"id": link_id})
        return LINKS.model(rows[0]) if rows else None

    async def find_links(self, run_id: str, *, limit: int = 100) -> Sequence[DownloadLink]:
        sql = f"{FIND_LINK} where run_id = :run_id order by made_at desc, rowid desc limit :limit"
        rows = await self._store.rows(sql, {"run_id": run_id, "limit": limit})
        return [LINKS.model(row) for row in rows]

    async def add_download(self, download: Download) -> bool:
        return await self._store.change(ADD_DOWNLOAD, DOWNLOADS.row(download))

    async def resume_download(self, download: Download, *, since: datetime, max_resumes: int) -> str:
        values = DOWNLOADS.row(download) | {"since": stamp(since), "max_resumes": max_resumes}
        rows = await self._store.rows(RESUME, values)
        return str(rows[0]["id"]) if rows else ""

    async def finish_download(self, link_id: str, download_id: str) -> None:
        await self._store.rows(FINISH, {"link_id": link_id, "id": download_id})

    async def revoke_links(self, run_id: str, now: datetime) -> int:
        rows = await self._store.rows(REVOKE, {"run_id": run_id, "now": stamp(now)})
        return sum(row["open"] for row in rows)

    async def find_downloads(self, run_id: str, *, limit: int = 100) -> Sequence[Download]:
        sql = "select * from downloads where run_id = :run_id order by number desc limit :limit"
        rows = await self._store.rows(sql, {"run_id": run_id, "limit": limit})
        return [DOWNLOADS.model(row) for row in rows]
