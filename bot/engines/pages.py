"""One page of a web server: status, title, headers, a part of its body. Redirects are not followed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape

import aiohttp
from yarl import URL

from bot import __version__

AGENT = f"DingRun/{__version__}"
TITLE_LENGTH = 200
HEADERS_LENGTH = 2_000
CHUNK = 16_384

_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_CHARSET = re.compile(rb"charset=[\"']?([\w-]+)", re.IGNORECASE)
TELLING = ("x-powered-by", "x-generator", "x-aspnet-version")


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a server answered. `length` is that of the body in bytes, as far as it was read."""

    url: str
    scheme: str
    status: int
    title: str
    server: str
    headers: str
    length: int
    fingers: Sequence[str]


async def fetch(session: aiohttp.ClientSession, url: str, *, address: str, most: int) -> Page | None:
    """The page at `url` as the server at `address` shows it, at most `most` bytes of it; None without HTTP.

    The name is not resolved again: what was found at an address was asked of that address.
    """
    shown = URL(url)
    asked = {"User-Agent": AGENT, "Host": shown.raw_authority}
    name = shown.raw_host if shown.scheme == "https" and not _is_address(shown.raw_host) else None
    try:
        where = shown.with_host(address)
        async with session.get(where, allow_redirects=False, headers=asked, server_hostname=name) as answer:
            body = await _beginning(answer, most)
            charset = answer.charset
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    server = answer.headers.get("Server", "")
    return Page(
        url=_short(url),
        scheme=shown.scheme,
        status=answer.status,
        title=title_of(body, charset),
        server=server,
        headers=headers[:HEADERS_LENGTH],
        length=len(body),
        fingers=[name for name in [server, *[answer.headers.get(key, "") for key in TELLING]] if name],
    )


def _is_address(host: str | None) -> bool:
    return host is None or host.replace(".", "").isdecimal() or ":" in host


async def _beginning(answer: aiohttp.ClientResponse, most: int) -> bytes:
    body = b""
    try:
        while len(body) < most and (chunk := await answer.content.read(min(CHUNK, most - len(body)))):
            body += chunk
    except (aiohttp.ClientError, TimeoutError):
        pass  # what came is what there is
    return body


def title_of(body: bytes, charset: str | None) -> str:
    """The title of a page, decoded by what it says of itself, else UTF-8, else GBK."""
    said = _CHARSET.search(body[:2048])
    names = [charset or "", said.group(1).decode() if said else "", "utf-8", "gbk"]
    found = _TITLE.search(_decoded(body, [name for name in names if name]))
    return " ".join(unescape(found.group(1)).split())[:TITLE_LENGTH] if found else ""


def _decoded(body: bytes, charsets: Sequence[str]) -> str:
    for name in charsets:
        try:
            return body.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return body.decode("utf-8", errors="replace")


def _short(url: str) -> str:
    """Without the port that the scheme implies, as people write it."""
    return re.sub(r"^(http://[^/]+):80(?=/|$)|^(https://[^/]+):443(?=/|$)", r"\1\2", url)
