"""Let only people who are logged in use download links, if `reports.link_login` says so."""

from aiohttp import web

from bot.chat.permissions import Permission
from bot.errors import UserError
from bot.models import Person
from bot.web.pages.visitors import Gate


class LinkReaders:
    """Binds each download to a person who may see the run."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def admit(self, request: web.Request, run_id: str) -> Person | web.StreamResponse | None:
        """Return who downloads the report of a run, or None if the run is not shown to that person.

        A response is for people who have to log in first.
        """
        visitor = await self._gate.visitor(request, Permission.VIEW)
        if visitor is None:
            return await self._gate.login_page(request)
        try:
            run = await visitor.context.find_run(visitor.request, run_id)
        except UserError:
            return None
        return visitor.session.person if run else None
