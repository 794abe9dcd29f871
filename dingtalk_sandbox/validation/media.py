"""Parsing and validation of uploads ("0646-upload-media-files"). Pure functions."""

import re
from pathlib import PurePath
from urllib.parse import unquote

from dingtalk_sandbox.errors import oapi_error
from dingtalk_sandbox.state import Upload

MB = 1024 * 1024
MEDIA_TYPES: dict[str, tuple[int, frozenset[str]]] = {
    "image": (20 * MB, frozenset({"jpg", "gif", "png", "bmp"})),
    "voice": (2 * MB, frozenset({"amr", "mp3", "wav"})),
    "video": (20 * MB, frozenset({"mp4"})),
    "file": (20 * MB, frozenset({"doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar"})),
}
"""Size limit in bytes and documented file extensions, by type. Bots upload others, and it works."""

BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
NAME = re.compile(rb'[; ]name="([^"]*)"|[; ]name=([^;\s]+)', re.IGNORECASE)
FILENAME = re.compile(rb'[; ]filename="([^"]*)"|[; ]filename=([^;\s"]+)', re.IGNORECASE)
FILENAME_STAR = re.compile(rb"filename\*=utf-8''([^;\s]+)", re.IGNORECASE)
MIME = re.compile(rb"^content-type:\s*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)


def _first(pattern: re.Pattern[bytes], head: bytes) -> str | None:
    found = pattern.search(head)
    if not found:
        return None
    return next(g for g in found.groups() if g is not None).decode("utf-8", "replace")


def parse_multipart(content_type: str, raw: bytes) -> dict[str, tuple[bytes, bytes]]:
    """Split a multipart body into {name: (head, data)}. Raises `ApiError` 43008."""
    boundary = BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or not boundary:
        raise oapi_error(43008, "参数需要multipart类型")
    found: dict[str, tuple[bytes, bytes]] = {}
    for piece in (b"\r\n" + raw).split(b"\r\n--" + boundary[1].encode("utf-8", "surrogateescape"))[1:]:
        head, gap, data = piece.partition(b"\r\n\r\n")
        name = _first(NAME, head)
        if gap and name:
            found[name] = (head, data)
    return found


def parse_file_name(head: bytes) -> str:
    star = _first(FILENAME_STAR, head)
    name = unquote(star) if star else unquote(_first(FILENAME, head) or "")
    return PurePath(name.replace("\\", "/")).name


def is_documented(name: str, kind: str) -> bool:
    """Return True if the page names the extension of a file for its type."""
    return PurePath(name).suffix.lower().lstrip(".") in MEDIA_TYPES[kind][1]


def parse_upload(content_type: str, raw: bytes, kind: str, *, documented_only: bool = False) -> Upload:
    """Parse an upload. The form field `type` overrides `kind` from the URL. Raises `ApiError`."""
    form = parse_multipart(content_type, raw)
    kind = form["type"][1].decode("utf-8", "replace").strip() if "type" in form else kind
    if kind not in MEDIA_TYPES:
        raise oapi_error(40004, "不合法的媒体文件类型")
    if "media" not in form or not parse_file_name(form["media"][0]):
        raise oapi_error(41005, "缺少多媒体文件数据")
    head, data = form["media"]
    name, (limit, _) = parse_file_name(head), MEDIA_TYPES[kind]
    if not data:
        raise oapi_error(44001, "多媒体文件为空")
    if documented_only and not is_documented(name, kind):
        raise oapi_error(40005, "不合法的文件类型")
    if len(data) > limit:
        raise oapi_error(40006, "不合法的文件大小")
    return Upload(name=name, kind=kind, mime=_first(MIME, head) or "application/octet-stream", data=data)
