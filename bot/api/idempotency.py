"""Idempotency keys: the same request again gets the same answer, for a day.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus

from aiohttp import hdrs, web

from bot.api.keys import ApiKey
from bot.api.problems import Problem
from bot.errors import DingRunError
from bot.external.collection import ModelCollection
from bot.models import Clock
from bot.ports import DocumentStore

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LIFETIME = timedelta(hours=24)
IN_PROGRESS = timedelta(seconds=30)  # after which the process of the first request counts as dead
MAX_KEY_LENGTH = 200
COLLECTION = "api_requests"
MEANING = "The same key with the same body gets the same answer for 24 hours."


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """A request with an idempotency key, and its answer."""

    digest: str  # of path and body
    subject: str  # id of what it creates, the same when it is repeated
    started_at: datetime
    status: int = 0  # 0 = in progress
    text: str = ""
    version: int = 0


Act = Callable[[str], Awaitable[web.Response]]
"""Carry out a request. Takes the id of what is created."""


class Idempotency:
    """Carries out requests once for each key."""

    def __init__(self, documents: DocumentStore, *, clock: Clock) -> None:
        self._requests = ModelCollection(documents, COLLECTION, ApiRequest)
        self._clock = clock

    async def once(self, request: web.Request, key: ApiKey, body: bytes, act: Act) -> web.Response:
        """Carry out a request, or return the answer that it got before.

        Raises `Problem` if the key was used for another request (422), or while it is in progress (409).
        """
        given = request.headers.get(HEADER)
        if given is None:
            return await act(uuid7())
        if not given or len(given) > MAX_KEY_LENGTH or not given.isascii() or not given.isprintable():
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"{HEADER} takes up to {MAX_KEY_LENGTH} printable characters"
            )
        id_ = hashlib.sha256(f"{key.name}\0{given}".encode()).hexdigest()
        digest = hashlib.sha256(request.path.encode() + b"\0" + body).hexdigest()
        begun = await self._begin(id_, digest)
        if begun.status:
            return web.Response(
                status=begun.status,
                text=begun.text,
                content_type="application/json",
                headers={hdrs.CACHE_CONTROL: "no-store", REPLAYED: "true"},
            )
        try:
            response = await act(begun.subject)
        except (Problem, DingRunError):
            await self._release(id_, begun)
            raise
        await self._finish(id_, begun, response)
        return response

    async def _begin(self, id_: str, digest: str) -> ApiRequest:
        """Store that a request begins, or return what is known of it."""
        now = self._clock()
        fresh = ApiRequest(digest=digest, subject=uuid7(), started_at=now)
        if await self._requests.add(id_, fresh, due=now + LIFETIME):
            return replace(fresh, version=1)
        known = await self._requests.find(id_)
        if known is None or now - known.started_at >= LIFETIME:
            return await self._replace(id_, known, fresh)
        if known.digest != digest:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{HEADER} was used for another request")
        if known.status:
            return known
        if now - known.started_at < IN_PROGRESS:
            raise _in_progress()
        return await self._replace(id_, known, replace(known, started_at=now))

    async def _replace(self, id_: str, known: ApiRequest | None, fresh: ApiRequest) -> ApiRequest:
        """Begin again what expired, or what a dead process began."""
        version = known.version if known else 0
        begun = replace(fresh, version=version)
        if known is None or not await self._requests.save(id_, begun, due=fresh.started_at + LIFETIME):
            raise _in_progress()
        return replace(begun, version=version + 1)

    async def _release(self, id_: str, begun: ApiRequest) -> None:
        """Let a request that was refused be repeated at once."""
        released = replace(begun, started_at=begun.started_at - IN_PROGRESS)
        await self._requests.save(id_, released, due=begun.started_at + LIFETIME)

    async def _finish(self, id_: str, begun: ApiRequest, response: web.Response) -> None:
        answered = replace(begun, status=response.status, text=response.text or "")
        await self._requests.save(id_, answered, due=begun.started_at + LIFETIME)


def _in_progress() -> Problem:
    return Problem(HTTPStatus.CONFLICT, "the first request with this key is in progress")


def uuid7() -> str:
    """Return a UUID of version 7: ordered by time."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))
