"""`/healthz`, `/readyz` and `/metrics`, for machines."""

from collections.abc import Callable

from aiohttp import web

from bot.delivery.resend import Resender
from bot.errors import DingRunError
from bot.models import JobState, QuotaKind, RunStatus
from bot.ports import Store
from bot.quota.governor import Governor
from bot.telemetry.metrics import Metrics

Connected = Callable[[], bool | None]  # None without an app: there is no Stream to be connected


class Health:
    """Says whether the process lives, whether it can work, and what it has done."""

    def __init__(
        self,
        store: Store,
        deliveries: Resender,
        governor: Governor,
        *,
        metrics: Metrics,
        connected: Connected,
    ) -> None:
        self._store = store
        self._governor = governor
        self._deliveries = deliveries
        self._metrics = metrics
        self._connected = connected

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.metrics),
        ]

    async def alive(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def ready(self, request: web.Request) -> web.Response:
        """200, or 503 with what is missing."""
        try:
            await self._store.find_value("ready")
        except DingRunError as error:
            return web.Response(status=503, text=f"store: {error}\n")
        if self._connected() is False:
            return web.Response(status=503, text="stream: not connected\n")
        return web.Response(text="ready\n")

    async def metrics(self, request: web.Request) -> web.Response:
        undelivered = await self._deliveries.count_undelivered()
        balance = await self._governor.balance()
        text = self._metrics.show(
            open_runs=len(await self._store.find_runs(status=RunStatus.RUNNING, limit=0)),
            dead=undelivered[JobState.DEAD],
            unconfirmed=undelivered[JobState.UNCONFIRMED],
            api_calls=balance.used(QuotaKind.API),
            stream_calls=balance.used(QuotaKind.STREAM),
            stream=bool(self._connected()),
        )
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
