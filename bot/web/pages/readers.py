"""Let only people who are logged in use download links, if `reports.link_login` says so."""

from aiohttp import web

from bot.chat.permissions import Permission
from bot.errors import UserError
from bot.web.downloads import Reader
from bot.web.pages.visitors import Gate


class LinkReaders:
    """Binds each download to a person who may see the run."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def admit(self, request: web.Request, run_id: str) -> Reader | web.StreamResponse:
        """Return who asks for the report of a run. A response is for people who have to log in first."""
        visitor = await self._gate.visitor(request, Permission.VIEW)
        if visitor is None:
            return await self._gate.login_page(request)
        try:
            run = await visitor.context.find_run(visitor.request, run_id)
        except UserError:
            run = None
        return Reader(person=visitor.session.person, sees_run=run is not None)
