"""`/healthz`, `/readyz` and `/metrics`, for machines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web

from bot.delivery.incidents.monitor import PartState
from bot.delivery.resend import Resender
from bot.errors import DingRunError
from bot.models import JobState, QuotaKind, RunStatus
from bot.ports import Store
from bot.quota.budget import forecast
from bot.quota.governor import Governor
from bot.reports.exports import ReportExports
from bot.telemetry.logging import redacted
from bot.telemetry.metrics import Metrics

MEDIA_TYPE = "application/health+json"  # draft-inadarei-api-health-check, without `version`
MAX_OUTPUT_LENGTH = 300


def _nothing() -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """State that the loops of the service report.

    - `connected`: by app, whether its Stream is connected. Empty without an app.
    - `frame_ages`: by app, the seconds since the last frame of its Stream.
    - `parts`: what the last probe of each part found.
    """

    connected: Callable[[], Mapping[str, bool]]
    frame_ages: Callable[[], Mapping[str, float]] = _nothing
    parts: Callable[[], Mapping[str, PartState]] = field(default=dict)


@dataclass(frozen=True, kw_only=True)
class HealthServices:
    """Services that know what the health pages show."""

    store: Store
    deliveries: Resender
    governor: Governor
    exports: ReportExports


class Health:
    """Says whether the process lives, whether it can work, and what it has done."""

    def __init__(self, services: HealthServices, *, metrics: Metrics, vitals: Vitals) -> None:
        self._services = services
        self._metrics = metrics
        self._vitals = vitals

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.metrics),
        ]

    async def alive(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(self, request: web.Request) -> web.Response:
        """Return the state of each part.

        Without the store or a Stream, nothing useful is done: 503. Another part that does not work is a
        warning.
        """
        needed = {"store": await self._store_error(), **self._stream_errors()}
        others = {
            part: state
            for part, state in self._vitals.parts().items()
            if part != "store" and not part.startswith("stream")
        }
        fails = any(needed.values())
        warns = not all(state.works for state in others.values())
        checks = {part: [_check(error)] for part, error in needed.items()}
        for part, state in others.items():
            found = _check("" if state.works else state.why or "does not work", warning=True)
            checks[part] = [{**found, "time": state.checked_at.isoformat(timespec="seconds")}]
        status = "fail" if fails else "warn" if warns else "pass"
        return web.json_response(
            {"status": status, "checks": checks},
            status=HTTPStatus.SERVICE_UNAVAILABLE if fails else HTTPStatus.OK,
            content_type=MEDIA_TYPE,
        )

    async def _store_error(self) -> str:
        """Return why the store cannot be read now, or could not be written by the last probe, or ""."""
        try:
            await self._services.store.find_value("ready")
        except DingRunError as error:
            return str(error)
        probed = self._vitals.parts().get("store")
        return probed.why if probed else ""

    def _stream_errors(self) -> dict[str, str]:
        return {
            f"stream {app}".strip(): "" if connected else "not connected"
            for app, connected in self._vitals.connected().items()
        }

    async def metrics(self, request: web.Request) -> web.Response:
        """Return all metrics. Those that are counted in the store keep their last values while it fails."""
        works = {"store": True, **{part: state.works for part, state in self._vitals.parts().items()}}
        try:
            await self._count_in_store()
        except DingRunError:
            works["store"] = False
        gauge = self._metrics.set_gauge
        for part, it_works in works.items():
            gauge("part", it_works, part=part)
        for app, connected in self._vitals.connected().items():
            gauge("stream", connected, app=app)
        for app, seconds in self._vitals.frame_ages().items():
            gauge("frame_age", seconds, app=app)
        return web.Response(
            body=self._metrics.show(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _count_in_store(self) -> None:
        gauge = self._metrics.set_gauge
        undelivered = await self._services.deliveries.count_undelivered()
        gauge("dead", undelivered[JobState.DEAD])
        gauge("unconfirmed", undelivered[JobState.UNCONFIRMED])
        gauge("open_runs", len(await self._services.store.find_runs(status=RunStatus.RUNNING, limit=0)))
        backlog = await self._services.exports.backlog()
        gauge("exports_waiting", backlog.waiting)
        gauge("export_lag", backlog.lag.total_seconds())
        balance = await self._services.governor.balance()
        for kind in QuotaKind:
            gauge("quota_used", balance.used(kind), quota=kind.value)
            gauge("quota_limit", balance.budget.limit(kind), quota=kind.value)
            if expected := forecast(balance, kind):
                gauge("quota_forecast", expected.at_end, quota=kind.value)


def _check(error: str, *, warning: bool = False) -> dict[str, str]:
    if not error:
        return {"status": "pass"}
    return {"status": "warn" if warning else "fail", "output": redacted(error)[:MAX_OUTPUT_LENGTH]}
