"""Downloads of uploaded files, by message or by media_id."""

from urllib.parse import quote

from aiohttp import web

from dingtalk_sandbox.state import SandboxState, Upload

PICTURES = (
    (b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"BM", "image/bmp"),
    (b"RIFF", "image/webp"),
)  # fmt: skip
"""First bytes of pictures, and their types."""


class Downloads:
    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_sandbox/files/{id}", self.file),
            web.get("/_sandbox/media/{id}", self.media),
            web.get("/_sandbox/downloads/{key}.file", self.download),
        ]

    async def download(self, request: web.Request) -> web.Response:
        """Serve a file to the bot that asked for its link. An expired link gets 403, as storage answers."""
        link = self._state.download_links.get(request.match_info["key"])
        upload = self._state.media.get(link.media_id) if link else None
        if link is None or upload is None:
            raise web.HTTPNotFound(text="no such file")
        if link.expires <= self._state.clock.now():
            raise web.HTTPForbidden(text="the link has expired")
        return _attachment(upload, upload.name)

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


def _content_type(data: bytes) -> str:
    """Return the type of a picture that browsers draw, and of nothing else that they would run."""
    return next((kind for start, kind in PICTURES if data.startswith(start)), "application/octet-stream")


def _attachment(upload: Upload, name: str) -> web.Response:
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    headers = {"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"}
    return web.Response(body=upload.data, content_type=_content_type(upload.data), headers=headers)
