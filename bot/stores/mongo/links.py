"""DownloadLinkStore in the MongoDB database of the store.

A link is one document that embeds its downloads, so a download is counted and logged atomically, and `left`
is never negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.downloads import Download, DownloadLink
from bot.mongo import DOWN, Mongo
from bot.stores.mongo.documents import DOWNLOADS, LINKS, Document, Numbers, moment

SIGNING_KEY = "link-key"  # key of the value that signs links


class MongoLinks:
    """DownloadLinkStore on the database of a `MongoStore`, which opens and closes it."""

    def __init__(self, mongo: Mongo) -> None:
        self._links = mongo.collection("links")
        self._facts = mongo.collection("facts")
        self._numbers = Numbers()

    async def signing_key(self, candidate: str) -> str:
        found = await self._facts.change(
            {"_id": SIGNING_KEY}, {"$setOnInsert": {"value": candidate}}, upsert=True
        )
        return str(found["value"]) if found else candidate

    async def add_link(self, link: DownloadLink) -> bool:
        return await self._links.insert(link_document(link) | {"number": self._numbers.next()})

    async def find_link(self, link_id: str) -> DownloadLink | None:
        found = await self._links.find_one({"_id": link_id})
        return link_from_document(found) if found else None

    async def find_links(self, run_id: str, *, limit: int = 100) -> Sequence[DownloadLink]:
        newest = [("made_at", DOWN), ("number", DOWN)]
        return [
            link_from_document(each)
            for each in await self._links.find({"run_id": run_id}, sort=newest, limit=limit)
        ]

    async def add_download(self, download: Download) -> bool:
        where = {
            "_id": download.link_id,
            "revoked_at": None,
            "expires_at": {"$gt": moment(download.at)},
            "left": {"$gt": 0},
        }
        return (
            await self._links.change(where, add_download_update(download, self._numbers.next())) is not None
        )

    async def resume_download(self, download: Download, *, since: datetime, max_resumes: int) -> str:
        """Count a resume with optimistic locking, so that concurrent resumes are all counted."""
        while True:
            kept = await self._downloads(download.link_id)
            place = _resumable(kept, download, since, max_resumes)
            if place is None:
                return ""
            if await self._change_download(kept[place], place, {"$inc": {f"downloads.{place}.resumes": 1}}):
                return str(kept[place]["id"])

    async def finish_download(self, link_id: str, download_id: str) -> None:
        for place, each in enumerate(await self._downloads(link_id)):
            if each.get("id") == download_id:
                where = {"_id": link_id, f"downloads.{place}.number": each["number"]}
                await self._links.change(where, {"$set": {f"downloads.{place}.finished": True}})

    async def _downloads(self, link_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the downloads of a link, oldest first."""
        link = await self._links.find_one({"_id": link_id})
        return link["downloads"] if link else ()

    async def _change_download(self, kept: Mapping[str, Any], place: int, change: Document) -> bool:
        same = {f"downloads.{place}.{name}": kept[name] for name in ("number", "finished", "resumes")}
        return await self._links.change({"_id": kept["_id"], **same}, change) is not None

    async def revoke_links(self, run_id: str, now: datetime) -> int:
        mine = await self._links.find({"run_id": run_id, "revoked_at": None})
        revoked = 0
        for each in mine:
            where = {"_id": each["_id"], "revoked_at": None, "expires_at": {"$gt": moment(now)}}
            found = await self._links.change(where, {"$set": LINKS.changes({"revoked_at": now})})
            revoked += bool(found and found["left"] > 0)
        return revoked

    async def find_downloads(self, run_id: str, *, limit: int = 100) -> Sequence[Download]:
        links = await self._links.find({"run_id": run_id}, fields=["downloads"])
        kept = sorted((each for link in links for each in link["downloads"]), key=_number, reverse=True)
        return [download_from_document(each) for each in kept[:limit]]


def link_document(link: DownloadLink) -> Document:
    """Return the document of an unused link."""
    document = LINKS.document(replace(link, downloads=0))
    return document | {"revoked_at": document.get("revoked_at"), "left": link.max_downloads, "downloads": []}


def add_download_update(download: Download, number: int) -> Document:
    """Return the update that adds a download to its link."""
    kept = DOWNLOADS.document(download) | {"number": number}
    return {"$inc": {"left": -1}, "$push": {"downloads": kept}}


def link_from_document(document: Mapping[str, Any]) -> DownloadLink:
    downloads = int(document["max_downloads"]) - int(document["left"])
    return LINKS.model({**document, "downloads": downloads})


def download_from_document(kept: Mapping[str, Any]) -> Download:
    return DOWNLOADS.model(kept)


def _number(kept: Mapping[str, Any]) -> int:
    return int(kept["number"])


def _resumable(
    kept: Sequence[Mapping[str, Any]], download: Download, since: datetime, max_resumes: int
) -> int | None:
    """Return the index of the newest resumable download of a client since a time, or None."""
    for place in reversed(range(len(kept))):
        known = download_from_document(kept[place])
        same = (known.address, known.agent) == (download.address, download.agent)
        if same and known.id and not known.finished and known.at >= since and known.resumes < max_resumes:
            return place
    return None
