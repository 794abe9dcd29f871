"""HTTP client of ARL's REST API.

ARL answers HTTP 200 to nearly everything. The `code` in the body counts. A path without its final slash is
redirected to plain HTTP. Redirects are never followed, as the key would travel in clear.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from bot.engines.arl.skipped import SkippedDocuments
from bot.engines.arl.trust import CERTIFICATE_ERRORS, TlsCheck, Trust
from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.reasons import reason

REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=5)  # ARL ends a request of its own after 30 s
SETTLE_SECONDS = 35.0  # after a lost answer; by then ARL has finished the request
SUCCESS, UNAUTHORIZED, SERVER_ERROR = 200, 401, 500
CLIENT_ERROR = 400
MAX_ANSWER_BYTES = 32 * 1024 * 1024  # twice the size limit of a document in MongoDB
MAX_PAGES = 5_000  # of one list
MAX_MESSAGE_LENGTH = 500  # characters of an error message of ARL

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_BAD_KEY = "ARL does not accept the key of engine.api_key"

Body = Mapping[str, Any]


class RefusedError(PermanentError):
    """ARL refuses the request. Its own message is in `message`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(reason("refused_by_arl", words=message), code=str(code))
        self.message = message


class AnswerTooLargeError(PermanentError):
    """ARL's answer is larger than DingRun reads at once."""


class ArlClient:
    """Calls the API of one ARL. The certificate is always checked, as `trust` says."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        url: str,
        api_key: str,
        basic_auth: str = "",
        trust: Trust | None = None,
    ) -> None:
        self._session = session
        self.url = url.rstrip("/").removesuffix("/api")
        self._base = self.url + "/api"
        self._headers = {
            "Token": api_key,
            "Accept-Encoding": "identity",
        }  # identity: no compression
        if basic_auth:
            self._headers["Authorization"] = f"Basic {base64.b64encode(basic_auth.encode()).decode()}"
        self._trust = trust or Trust()
        self.skipped = SkippedDocuments()
        self.server_time: datetime | None = None  # from the Date header of the last answer

    async def get(self, path: str, **query: str | int) -> Body:
        """Send a GET request. `path` starts and, except for ids, ends with a slash."""
        return await self._send("GET", path, params=query)

    async def post(self, path: str, body: Body) -> Body:
        return await self._send("POST", path, json=body)

    async def count(self, path: str, **query: str | int) -> int:
        """Return the number of items of a list, as ARL gives it."""
        said = (await self.get(path, size=1, **query)).get("total")
        if isinstance(said, int) and said >= 0:
            return said
        raise PermanentError(f"ARL does not give the length of its list {path}")

    async def items(self, path: str, **query: str | int) -> Sequence[Mapping[str, Any]]:
        """Return the items of one answer that are documents."""
        return self.skipped.read_each(path, _items(await self.get(path, **query)), dict)

    async def pages(
        self, path: str, *, size: int, order: str = "+_id", **query: str | int
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield all items of a list, page by page, oldest first, or newest first by the order `-_id`.

        - A fork caches answers of up to 5,000 items for a minute. A larger `size` bypasses the cache.
        - The total that ARL gives is not relied on. A page that is not full is the last one, unless the total
          says that there is more.
        - If a page is too large to be read at once, smaller ones are requested. A document that is too large
          by itself is skipped.
        """
        first, asked = 0, size  # index of the next item, and size of the next page
        for _ in range(MAX_PAGES):
            page = first // asked + 1
            try:
                answer = await self.get(path, page=page, size=asked, order=order, **query)
            except AnswerTooLargeError as error:
                if asked == 1:
                    self.skipped.add(path, {"_id": first}, error)
                    first += 1
                asked = max(1, asked // 2)
                continue
            items = _items(answer)
            for item in self.skipped.read_each(path, items[first - (page - 1) * asked :], dict):
                yield item
            full = len(items) >= asked
            first, asked = page * asked, min(size, asked * 2)
            if not full and not (items and _has_more(answer, first)):
                return
        raise PermanentError(f"ARL's list {path} does not end")

    async def _send(self, method: str, path: str, **parts: Any) -> Body:
        """Send a request with the first certificate check that passes.

        A failed handshake has sent nothing, so the next check can be tried.
        """
        wrong: Exception | None = None
        for check in self._trust.checks:
            try:
                body = await self._send_checked(check, method, path, **parts)
            except CERTIFICATE_ERRORS as error:
                wrong = wrong or error
                continue
            self._trust = self._trust.prefer(check)
            return body
        raise PermanentError(self._trust.error_message(wrong))

    async def _send_checked(self, check: TlsCheck, method: str, path: str, **parts: Any) -> Body:
        try:
            async with self._session.request(
                method,
                self._base + path,
                headers=self._headers,
                ssl=check,
                timeout=REQUEST_TIMEOUT,
                allow_redirects=False,
                **parts,
            ) as answer:
                self.server_time = _date(answer.headers.get("Date", ""))
                return parse_answer(answer.status, await _content(answer))
        except CERTIFICATE_ERRORS:
            raise
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TemporaryError(f"ARL does not answer ({type(error).__name__})") from None
        except (TimeoutError, aiohttp.ClientError) as error:
            raise TemporaryError(
                f"the answer of ARL was lost ({type(error).__name__})",
                retry_after=SETTLE_SECONDS,
                uncertain=True,
            ) from None


def _items(answer: Body) -> Sequence[object]:
    """Return the items of an answer. Raises `PermanentError` for an answer without a list."""
    items = answer.get("items", ())
    if isinstance(items, list | tuple):
        return items
    raise PermanentError("the server at engine.url is not an ARL (a list without items)")


def _has_more(answer: Body, read: int) -> bool:
    """Tell if ARL's total is larger than the number of items read."""
    total = answer.get("total")
    return isinstance(total, int | float) and total > read


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    """Read the body. Raises `AnswerTooLargeError` beyond the limit, without reading the rest."""
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise AnswerTooLargeError
        parts.append(part)
    return b"".join(parts)


def _date(text: str) -> datetime | None:
    """Parse a Date header. `-0000` is UTC without a named zone."""
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None


def parse_answer(status: int, content: bytes) -> Body:
    """Return the body of a successful answer. Raises the error that any other answer stands for."""
    if status == UNAUTHORIZED:
        raise PermanentError("the proxy of ARL does not accept engine.basic_auth")
    body = _body(content)
    code = body.get("code") if body else None
    if body is None or not isinstance(code, int):
        raise _error_from_status(status, body)
    if code == SUCCESS:
        return body
    raise _error_from_code(code, _message(body.get("message", "")))


def _message(value: object) -> str:
    """Return ARL's message as text, shortened."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""
    return text[:MAX_MESSAGE_LENGTH]


def _body(content: bytes) -> Body | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _error_from_status(status: int, body: Body | None) -> DingRunError:
    """Build the error for an answer without a code: of a proxy, a crash, or another server."""
    if status >= SERVER_ERROR:
        return TemporaryError(f"ARL fails with HTTP {status}", uncertain=True, retry_after=SETTLE_SECONDS)
    if status >= CLIENT_ERROR and body and body.get("errors"):
        return RefusedError(status, f"{_message(body.get('message', ''))} {_message(body['errors'])}")
    return PermanentError(f"the server at engine.url is not an ARL (HTTP {status})")


def _is_refusal(message: str) -> bool:
    """Tell if a message is ARL's own, which is Chinese. Those of a library are not."""
    return any(_CHINESE.search(line.partition("error:")[2]) for line in message.split("\n"))


def _error_from_code(code: int, message: str) -> DingRunError:
    """Build the error for a code. With code 500, only a message in Chinese is a refusal."""
    if code == UNAUTHORIZED:
        return PermanentError(_BAD_KEY)
    if code == SERVER_ERROR and not _is_refusal(message):
        return TemporaryError(f"ARL fails: {message[:200]}", uncertain=True)
    return RefusedError(code, message)
