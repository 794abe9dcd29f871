"""Issue login links, open sessions and end them."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.errors import TemporaryError
from bot.logins.tokens import digest, form_token, is_signed, login_token, new_session_token
from bot.models import Clock, Person
from bot.ports import DocumentStore, DownloadLinkStore, StoredDocument

log = logging.getLogger(__name__)

LINK_TTL = timedelta(minutes=5)
LOGIN_PATH = "/status/login/"

_LINKS, _SESSIONS = "web_logins", "web_sessions"
_MAX_ATTEMPTS = 20  # an attempt fails only if somebody else changed the same document meanwhile
_MAX_SESSIONS = 1_000  # of one person, that are ended at once
_PURGE_LIMIT = 500
_KEY_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class LoginLink:
    """A link that logs one person in, once."""

    url: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Session:
    """A person who is logged in, in one browser."""

    id: str  # digest of its token
    person: Person
    started_at: datetime
    expires_at: datetime
    form_token: str = field(repr=False)  # that its forms contain


class Logins:
    """The login links and the sessions of all bots on a store.

    `public_url` is where people reach the pages, "" if nobody does. `ttl` is how long a session lasts.
    """

    def __init__(
        self,
        documents: DocumentStore,
        keys: DownloadLinkStore,
        *,
        clock: Clock,
        public_url: str = "",
        ttl: timedelta = timedelta(hours=8),
    ) -> None:
        self._documents = documents
        self._keys = keys
        self._clock = clock
        self._key = ""
        self.ttl = ttl
        self.public_url = public_url

    async def issue_link(self, person: Person, cause: str) -> LoginLink:
        """Return a link that logs a person in. The same cause is the same link."""
        token, now = login_token(cause, await self._signing_key()), self._clock()
        await self._documents.add_document(
            StoredDocument(
                collection=_LINKS,
                id=digest(token),
                group=person.id,
                due=now + LINK_TTL,
                data={"id": person.id, "name": person.name, "used": False},
            )
        )
        stored = await self._documents.find_document(_LINKS, digest(token))
        expires_at = (stored.due if stored else None) or now
        return LoginLink(url=f"{self.public_url}{LOGIN_PATH}{token}", expires_at=expires_at)

    async def find_person(self, token: str) -> Person | None:
        """Return whom a login link is for, or None if it is unknown, used or expired."""
        link = await self._documents.find_document(_LINKS, digest(token))
        return _person(link) if link and self._is_valid(link) else None

    async def redeem(self, token: str) -> tuple[str, Session] | None:
        """Use up a login link, and open a session. Returns its token and the session, or None.

        Of two who use it at once, one gets a session.
        """
        link = await self._documents.find_document(_LINKS, digest(token))
        if link is None or not self._is_valid(link):
            return None
        if not await self._documents.save_document(replace(link, data={**link.data, "used": True})):
            return None
        return await self.open(_person(link))

    async def open(self, person: Person) -> tuple[str, Session]:
        """Open a session for a person whose identity is known. Returns its token and the session."""
        key, now = await self._signing_key(), self._clock()
        token = new_session_token(key)
        document = StoredDocument(
            collection=_SESSIONS,
            id=digest(token),
            group=person.id,
            due=now + self.ttl,
            data={"id": person.id, "name": person.name, "since": now.isoformat(), "ended": False},
        )
        await self._documents.add_document(document)
        log.info("%s logged in", person.id)
        return token, _session(document, form_token(token, key))

    async def find_session(self, token: str) -> Session | None:
        """Return the session of a token, or None if there is none, or it has ended."""
        key = await self._signing_key()
        if not is_signed(token, key):
            return None
        found = await self._documents.find_document(_SESSIONS, digest(token))
        if found is None or found.data["ended"] or found.due is None or found.due <= self._clock():
            return None
        return _session(found, form_token(token, key))

    async def end(self, session: Session) -> None:
        """End a session. Idempotent."""
        await self._end(session.id)

    async def end_all(self, person: Person) -> int:
        """End every session of a person, and use up the login links. Returns how many sessions were open."""
        for link in await self._documents.find_documents(_LINKS, group=person.id, limit=_MAX_SESSIONS):
            await self._change(_LINKS, link.id, lambda each: {**each.data, "used": True})
        sessions = await self._documents.find_documents(_SESSIONS, group=person.id, limit=_MAX_SESSIONS)
        now = self._clock()
        ended = [each for each in sessions if not each.data["ended"] and each.due and each.due > now]
        for each in ended:
            await self._end(each.id)
        return len(ended)

    async def purge_expired(self) -> int:
        """Delete expired links and sessions, a limited number at once. Returns their number."""
        now, purged = self._clock(), 0
        for collection in (_LINKS, _SESSIONS):
            purged += await self._documents.purge_documents(collection, now, limit=_PURGE_LIMIT)
        return purged

    async def _end(self, session_id: str) -> None:
        await self._change(_SESSIONS, session_id, lambda each: {**each.data, "ended": True})

    async def _change(
        self, collection: str, id_: str, change: Callable[[StoredDocument], dict[str, object]]
    ) -> None:
        for _ in range(_MAX_ATTEMPTS):
            found = await self._documents.find_document(collection, id_)
            if found is None or await self._documents.save_document(replace(found, data=change(found))):
                return
        raise TemporaryError("a session changes too often")

    def _is_valid(self, link: StoredDocument) -> bool:
        return not link.data["used"] and link.due is not None and link.due > self._clock()

    async def _signing_key(self) -> str:
        if not self._key:  # it never changes once it exists
            self._key = await self._keys.signing_key(secrets.token_hex(_KEY_BYTES))
        return self._key


def _person(document: StoredDocument) -> Person:
    return Person(id=str(document.data["id"]), name=str(document.data["name"]))


def _session(document: StoredDocument, form: str) -> Session:
    return Session(
        id=document.id,
        person=_person(document),
        started_at=datetime.fromisoformat(str(document.data["since"])),
        expires_at=document.due or datetime.fromisoformat(str(document.data["since"])),
        form_token=form,
    )
