"""`/status/deliveries`, `/status/quota` and `/status/audit`: how the service itself does."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from aiohttp import web

from bot.chat.permissions import Permission
from bot.models import AuditEntry, Job, QuotaKind, Run
from bot.quota.budget import (
    RUN_COSTS,
    Balance,
    forecast,
    month_end,
    month_of,
    month_start,
    quota_level,
)
from bot.web.pages.schedules import place_names
from bot.web.pages.visitors import Gate, Visitor

MAX_ENTRIES = 200
MAX_NAME_CHARACTERS = 100


class OperationPages:
    """The pages about deliveries, quota and audit."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/status/deliveries", self._gate.page(self.deliveries)),
            web.get("/status/quota", self._gate.page(self.quota)),
            web.get("/status/audit", self._gate.page(self.audit, Permission.ADMIN)),
        ]

    async def deliveries(self, _request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """List what was not delivered, or may not have been, by the runs that the visitor sees."""
        resender = visitor.context.delivery.resender
        troubled, counted = await resender.undelivered(), await resender.count_undelivered()
        groups = await self._by_run(visitor, troubled)
        unlisted = sum(counted.values()) - len(troubled) if visitor.is_admin else 0
        names = await place_names(
            visitor.context, [str(job.payload.get("destination", "")) for job in troubled]
        )
        return self._gate.show("deliveries", visitor, groups=groups, names=names, unlisted=max(unlisted, 0))

    async def _by_run(self, visitor: Visitor, jobs: Sequence[Job]) -> Sequence[tuple[Run, list[Job], bool]]:
        """Group jobs by run, the newest first, each with whether the visitor may resend them."""
        groups: dict[str, list[Job]] = {}
        for job in reversed(jobs):
            groups.setdefault(job.run_id, []).append(job)
        runs = {id_: await visitor.context.runs.find(id_) for id_ in groups if id_}
        return [
            (run, groups[id_], visitor.may_act(run.schedule))
            for id_, run in runs.items()
            if run and visitor.access.sees_run(run)
        ]

    async def quota(self, _request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Show the calls of the month, and how long they last."""
        balance = await visitor.context.quota.governor.balance()
        return self._gate.show(
            "quota",
            visitor,
            month=month_of(balance.now),
            resets_at=month_end(balance.now),
            passed=_percent_passed(balance.now),
            rows=[quota_row(balance, kind) for kind in QuotaKind],
            price=sum(RUN_COSTS.values()),
            level=int(quota_level(balance)),
        )

    async def audit(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """List who asked for what, and what came of it."""
        name = request.query.get("q", "")[:MAX_NAME_CHARACTERS].strip()
        if entry := await visitor.context.audit.find_entry(name) if ":" in name else None:
            return self._gate.show("audit", visitor, filter=name, entries=[entry], full=True)
        entries = await self._entries(visitor, name)
        return self._gate.show(
            "audit", visitor, filter=name, entries=entries, full=len(entries) < MAX_ENTRIES
        )

    async def _entries(self, visitor: Visitor, name: str) -> Sequence[AuditEntry]:
        audit = visitor.context.audit
        if not name:
            return await audit.find(limit=MAX_ENTRIES)
        return await audit.find(actor=name, limit=MAX_ENTRIES) or await audit.find(
            schedule=name, limit=MAX_ENTRIES
        )


def quota_row(balance: Balance, kind: QuotaKind) -> Mapping[str, object]:
    """Return the calls of one kind as the page shows them."""
    return {
        "kind": kind.value,
        "used": balance.used(kind),
        "limit": balance.budget.limit(kind),
        "left": balance.left(kind),
        "percent": min(round(balance.share(kind) * 100), 100),
        "refused": kind in balance.refused,
        "forecast": forecast(balance, kind),
    }


def _percent_passed(now: datetime) -> int:
    start, end = month_start(now), month_end(now)
    return round((now - start) / (end - start) * 100)
