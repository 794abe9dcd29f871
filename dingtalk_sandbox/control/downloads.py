"""Downloads of uploaded files, by message or by media_id."""

from urllib.parse import quote

from aiohttp import web

from dingtalk_sandbox.state import SandboxState, Upload


class Downloads:
    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/_sandbox/files/{id}", self.file), web.get("/_sandbox/media/{id}", self.media)]

    async def file(self, request: web.Request) -> web.Response:
        """Serve the file of a message under the name that the message gives it."""
        message = self._state.conversations.find(request.match_info["id"])
        upload = self._state.media.get(message.media_id) if message and not message.recalled else None
        if message is None or upload is None:
            raise web.HTTPNotFound(text="no such file")
        return _attachment(upload, message.file_name or upload.name)

    async def media(self, request: web.Request) -> web.Response:
        """Serve an upload by its media_id, for images in messages."""
        upload = self._state.media.get(request.match_info["id"])
        if upload is None:
            raise web.HTTPNotFound(text="no such file")
        return _attachment(upload, upload.name)


def _attachment(upload: Upload, name: str) -> web.Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    headers = {"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"}
    return web.Response(body=upload.data, content_type="application/octet-stream", headers=headers)
