"""Reads one page of a web server: status, title, headers, a part of the body. Follows no redirects."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bot import __version__
from bot.engines.embedded.page_parser import parse_title
from bot.engines.embedded.parser_pool import ParserPool
from bot.foreign_text import decode_header

USER_AGENT = f"DingRun/{__version__}"
MAX_HEADERS_LENGTH = 2_000
MAX_HEADER_LENGTH = 200  # of one header value
CHUNK_BYTES = 16_384

FINGERPRINT_HEADERS = ("x-powered-by", "x-generator", "x-aspnet-version")


class NoCookies(aiohttp.DummyCookieJar):
    """Ignores foreign cookies. The base class parses them before it drops them."""

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class Page:
    """An answer of a server. `length` is the number of bytes read of the body."""

    url: str
    scheme: str
    status: int
    title: str
    server: str
    headers: str
    length: int
    fingers: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class PageReader:
    """Fetches pages, at most `max_bytes` of each, and parses them in `parsers`."""

    session: aiohttp.ClientSession
    parsers: ParserPool
    max_bytes: int

    async def fetch(self, url: str, *, address: str) -> Page | None:
        """Fetch `url` from the server at `address`. Returns None if it does not speak HTTP.

        The name is not resolved again, so the page is that of the probed address.
        """
        shown = URL(url)
        asked = {"User-Agent": USER_AGENT, "Host": shown.raw_authority}
        name = shown.raw_host if shown.scheme == "https" and not _is_address(shown.raw_host) else None
        where = shown.with_host(address)
        try:
            async with self.session.get(
                where, allow_redirects=False, headers=asked, server_hostname=name
            ) as answer:
                body = await _read_start(answer, self.max_bytes)
                charset = answer.charset
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None
        title = await self.parsers.run(parse_title, body, charset)
        return _page(shown, url, answer, body, title)


def _page(shown: URL, url: str, answer: aiohttp.ClientResponse, body: bytes, title: str) -> Page:
    headers = [(decode_header(name), decode_header(value)) for name, value in answer.raw_headers]
    first = {name.lower(): value[:MAX_HEADER_LENGTH] for name, value in reversed(headers)}
    server = first.get("server", "")
    return Page(
        url=_without_default_port(url),
        scheme=shown.scheme,
        status=answer.status,
        title=title,
        server=server,
        headers="\n".join(f"{name}: {value}" for name, value in headers)[:MAX_HEADERS_LENGTH],
        length=len(body),
        fingers=[name for name in [server, *[first.get(key, "") for key in FINGERPRINT_HEADERS]] if name],
    )


def _is_address(host: str | None) -> bool:
    return host is None or host.replace(".", "").isdecimal() or ":" in host


async def _read_start(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = bytearray()
    try:
        while len(body) < max_bytes and (
            chunk := await answer.content.read(min(CHUNK_BYTES, max_bytes - len(body)))
        ):
            body += chunk
    except (aiohttp.ClientError, TimeoutError):
        pass  # keep what was read
    return bytes(body)


def _without_default_port(url: str) -> str:
    """Drop the default port of the scheme."""
    return re.sub(r"^(http://[^/]+):80(?=/|$)|^(https://[^/]+):443(?=/|$)", r"\1\2", url)
