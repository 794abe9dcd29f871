"""Upload of media files (0646-upload-media-files)."""

import asyncio
from pathlib import Path

import aiohttp

from bot.errors import PermanentError, TemporaryError
from bot.messengers.dingtalk.api import ApiClient

MAX_UPLOAD_BYTES = 20 * 1024 * 1024
EXTENSIONS = frozenset({"doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar"})


async def upload(calls: ApiClient, path: Path, name: str) -> str:
    """Upload a file and return its media id, which does not expire (0644).

    Raises `PermanentError`, without a request, for a file that DingTalk would reject.
    """
    if name.rpartition(".")[2].lower() not in EXTENSIONS:
        raise PermanentError(f"DingTalk accepts {', '.join(sorted(EXTENSIONS))}, not {name}", code="40005")
    try:
        data = await asyncio.to_thread(_read, path)
    except OSError as error:
        raise PermanentError(f"{name} cannot be read: {error.strerror}") from None

    return await _upload(calls, data, name, "file")


async def upload_image(calls: ApiClient, path: Path) -> str:
    """Upload a PNG and return its media id, which does not expire."""
    return await _upload(calls, await asyncio.to_thread(_read, path), path.name, "image")


async def _upload(calls: ApiClient, data: bytes, name: str, kind: str) -> str:
    def form() -> aiohttp.FormData:
        body = aiohttp.FormData(quote_fields=False)
        body.add_field("type", kind)
        body.add_field("media", data, filename=name, content_type="application/octet-stream")
        return body

    answer = await calls.upload("/media/upload", form, kind=kind)
    media_id = answer.get("media_id")
    if not isinstance(media_id, str):
        raise TemporaryError("DingTalk's answer has no media_id")
    return media_id


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if not 0 < size <= MAX_UPLOAD_BYTES:
        raise PermanentError(
            f"DingTalk accepts files of 1 to {MAX_UPLOAD_BYTES} bytes, {path.name} has {size}", code="40006"
        )
    return path.read_bytes()
