"""Record in the audit which key started or stopped something."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web

from bot.api.keys import ApiKey
from bot.api.problems import Problem
from bot.audit.log import AuditLog
from bot.errors import DingRunError
from bot.models import AuditChannel, AuditEntry, AuditOutcome, Person, Schedule
from bot.web.clients import Network, client_address


class ApiAudit:
    """Entries for acts by the API."""

    def __init__(self, audit: AuditLog, *, proxies: Sequence[Network] = ()) -> None:
        self._audit = audit
        self._proxies = proxies

    @asynccontextmanager
    async def recording(
        self, request: web.Request, key: ApiKey, command: str, *, schedule: Schedule, run: str = ""
    ) -> AsyncIterator[None]:
        """Record an act, and what comes of it."""
        entry = AuditEntry(
            id=f"api:{uuid.uuid4()}",
            at=self._audit.clock(),
            channel=AuditChannel.API,
            actor=Person(id="", name=key.name),
            said=f"{request.method} {request.match_info.route.resource.canonical}"
            if request.match_info.route.resource
            else request.method,
            command=command,
            schedule_id=schedule.id,
            schedule_name=schedule.name,
            run_id=run,
            rule=f"api.keys.{key.name}",
            address=client_address(request, self._proxies),
        )
        await self._audit.record(entry)
        try:
            yield
        except Problem as problem:
            refused = replace(entry, outcome=AuditOutcome.REFUSED, detail=problem.detail)
            await self._audit.record(refused)
            raise
        except DingRunError as error:
            await self._audit.record(replace(entry, outcome=AuditOutcome.FAILED, detail=str(error)))
            raise
        await self._audit.record(replace(entry, outcome=AuditOutcome.ACCEPTED))
