"""The web app as a whole."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from aiohttp import web

from bot.web.clients import Network
from bot.web.pages.actions import Actions
from bot.web.pages.login import LoginPages
from bot.web.pages.operations import OperationPages
from bot.web.pages.overview import Overview
from bot.web.pages.readers import LinkReaders
from bot.web.pages.rendering import STATIC_PATH, Pages, serve_static
from bot.web.pages.run_details import RunDetails
from bot.web.pages.runs import RunPages
from bot.web.pages.schedules import SchedulePages
from bot.web.pages.visitors import Gate, WebServices


class WebApp:
    """All pages, and the people who may use download links."""

    def __init__(
        self,
        services: WebServices,
        details: RunDetails,
        *,
        zone: ZoneInfo,
        public_url: str = "",
        proxies: Sequence[Network] = (),
    ) -> None:
        pages = Pages(zone=zone, clock=services.clock)
        gate = Gate(services, pages, public_url=public_url, proxies=proxies)
        logins = services.contexts[services.lang].people.logins
        self.readers = LinkReaders(gate)
        self._parts = (
            Overview(gate),
            RunPages(gate, details),
            SchedulePages(gate),
            OperationPages(gate),
            Actions(gate),
            LoginPages(gate, logins),
        )

    def routes(self) -> list[web.RouteDef]:
        static = web.get(STATIC_PATH + "{digest}/{name}", serve_static)
        return [route for part in self._parts for route in part.routes()] + [static]
