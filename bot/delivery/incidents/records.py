"""Incidents in the store: all bots on a store share one record per part, so that each is told once.

A record is kept when its incident is over, and used again for the next one of the same part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.errors import TemporaryError
from bot.external.collection import ModelCollection
from bot.ports import DocumentStore

COLLECTION = "incidents"
SIGHTING_TTL = timedelta(minutes=5)  # of a bot that does not say any more what it sees
MAX_WRITES = 5  # until a change is given up because other bots change the same record
MAX_INCIDENTS = 1_000


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A part of the service that does not work (故障)."""

    part: str  # such as `stream` or `engine arl`
    opened_at: datetime
    seen_by: Mapping[str, datetime] = field(default_factory=dict)  # bots that see it, and when they last did
    is_open: bool = True
    version: int = 0

    def others(self, owner: str, now: datetime) -> Mapping[str, datetime]:
        """Return the other bots that saw it recently."""
        known = self.seen_by.items()
        return {bot: at for bot, at in known if bot != owner and now - at < SIGHTING_TTL}


class IncidentRecords:
    """The incidents of all bots on a store, as one of them changes them."""

    def __init__(self, documents: DocumentStore, *, owner: str) -> None:
        self._records = ModelCollection(documents, COLLECTION, Incident)
        self._owner = owner

    async def find_open(self) -> Mapping[str, Incident]:
        """Return the open incidents by part, in one query."""
        found = await self._records.find_all(limit=MAX_INCIDENTS)
        return {each.part: each for each in found if each.is_open}

    async def open(self, part: str, now: datetime) -> Incident:
        """Record that this bot sees an incident, and return it: the open one, or a new one.

        Raises `TemporaryError` if other bots keep changing it.
        """
        for _ in range(MAX_WRITES):
            found = await self._records.find(part)
            known = found or Incident(part=part, opened_at=now)
            if not known.is_open:
                known = replace(known, opened_at=now, is_open=True, seen_by={})
            seen = replace(known, seen_by={**known.others(self._owner, now), self._owner: now})
            if await (self._records.save(part, seen) if found else self._records.add(part, seen)):
                return seen
        raise TemporaryError(f"other bots keep changing the incident of {part}")

    async def leave(self, incident: Incident, now: datetime) -> bool:
        """Record that this bot does not see an incident any more. Returns True if no other bot does."""
        others = incident.others(self._owner, now)
        if not others:
            return True
        if self._owner in incident.seen_by:  # if another bot changes it meanwhile, the next check does this
            await self._records.save(incident.part, replace(incident, seen_by=others))
        return False

    async def close(self, incident: Incident) -> None:
        """End an incident. Does nothing if another bot changed it meanwhile."""
        await self._records.save(incident.part, replace(incident, is_open=False, seen_by={}))
