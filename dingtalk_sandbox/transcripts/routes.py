"""Control calls for transcripts."""

from aiohttp import web

from dingtalk_sandbox.control.requests import read_model, with_usage_errors
from dingtalk_sandbox.reference.bodies import ReplayBody
from dingtalk_sandbox.transcripts.replay import Transcripts


class TranscriptRoutes:
    """Handlers of `transcript` and `replay`."""

    def __init__(self, transcripts: Transcripts) -> None:
        self._transcripts = transcripts

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_sandbox/transcript", self.save),
            web.post("/_sandbox/replay", with_usage_errors(self.replay)),
        ]

    async def save(self, _: web.Request) -> web.Response:
        return web.json_response(self._transcripts.save())

    async def replay(self, request: web.Request) -> web.Response:
        """Restore a transcript up to a point, or go back in what was recorded."""
        given = await read_model(request, ReplayBody)
        return web.json_response(self._transcripts.replay(given.transcript, given.until))
