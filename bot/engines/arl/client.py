"""ARL's REST API on the wire: what is asked, and what its answers mean.

ARL answers HTTP 200 to nearly everything; `code` in the body is what counts. A path without its last slash is
answered with a redirection to plain HTTP, and a redirection is never followed: the key would travel there.
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
from bot.engines.arl.trust import WRONG_CERTIFICATE, TlsCheck, Trust
from bot.engines.reasons import reason
from bot.errors import DingRunError, PermanentError, TemporaryError

PATIENCE = aiohttp.ClientTimeout(total=60, sock_connect=5)  # ARL kills its own request after 30 s
SETTLED = 35.0  # seconds after a lost answer; then ARL has done all that it ever will of the request
SUCCESS, NOT_LOGIN, ANY_ERROR = 200, 401, 500
FIRST_ERROR = 400
MAX_ANSWER_BYTES = 32 * 1024 * 1024  # twice what one document of MongoDB can have
MAX_PAGES = 5_000  # of one list
MAX_WORDS = 500  # letters of ARL's own that are told

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_BAD_KEY = "ARL does not take the key of engine.api_key"

Body = Mapping[str, Any]


class Refused(PermanentError):
    """ARL refuses it; its words are in `words`"""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(reason("refused_by_arl", words=words), code=str(code))
        self.words = words


class AnswerTooLargeError(PermanentError):
    """ARL's answer is larger than what DingRun reads at once"""


class ArlClient:
    """The API of one ARL. `trust` says whom we talk to; there is no way to talk to just anybody."""

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
        self._headers = {"Token": api_key, "Accept-Encoding": "identity"}  # so that it is as long as it says
        if basic_auth:
            self._headers["Authorization"] = f"Basic {base64.b64encode(basic_auth.encode()).decode()}"
        self._trust = trust or Trust()
        self.skipped = SkippedDocuments()
        self.said_at: datetime | None = None  # ARL's time at its last answer, to the second

    async def get(self, path: str, **query: str | int) -> Body:
        """Ask. `path` begins and, but for ids, ends with a slash."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Body) -> Body:
        return await self._ask("POST", path, json=body)

    async def total(self, path: str, **query: str | int) -> int:
        """How many items a list has, as ARL says."""
        said = (await self.get(path, size=1, **query)).get("total")
        if isinstance(said, int) and said >= 0:
            return said
        raise PermanentError(f"ARL does not say how long its list {path} is")

    async def items(self, path: str, **query: str | int) -> Sequence[Mapping[str, Any]]:
        """The items of one answer that are documents."""
        return self.skipped.read_each(path, _listed(await self.get(path, **query)), dict)

    async def pages(
        self, path: str, *, size: int, order: str = "+_id", **query: str | int
    ) -> AsyncIterator[dict[str, Any]]:
        """All items of a list, a page at a time, oldest first; `-_id` begins with the newest.

        A fork keeps answers of up to 5,000 items for a minute; a larger `size` asks past that. What ARL says
        of the length is not believed: after a full page there is another one, and a page without items is
        the last. Where a page is too large to be read at once, smaller ones are asked for; a document that
        is too large by itself is left out.
        """
        first, asked = 0, size  # the first item that is still wanted
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
            items = _listed(answer)
            for item in self.skipped.read_each(path, items[first - (page - 1) * asked :], dict):
                yield item
            full = len(items) >= asked
            first, asked = page * asked, min(size, asked * 2)
            if not full and not (items and _has_more(answer, first)):
                return
        raise PermanentError(f"ARL's list {path} has no end")

    async def _ask(self, method: str, path: str, **parts: Any) -> Body:
        """Ask, by whichever check knows whom we talk to: a handshake that failed has sent nothing."""
        wrong: Exception | None = None
        for check in self._trust.checks:
            try:
                body = await self._ask_by(check, method, path, **parts)
            except WRONG_CERTIFICATE as error:
                wrong = wrong or error
                continue
            self._trust = self._trust.prefer(check)
            return body
        raise PermanentError(self._trust.error_message(wrong))

    async def _ask_by(self, check: TlsCheck, method: str, path: str, **parts: Any) -> Body:
        try:
            async with self._session.request(
                method,
                self._base + path,
                headers=self._headers,
                ssl=check,
                timeout=PATIENCE,
                allow_redirects=False,
                **parts,
            ) as answer:
                self.said_at = _date(answer.headers.get("Date", ""))
                return understood(answer.status, await _content(answer))
        except WRONG_CERTIFICATE:
            raise
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TemporaryError(f"ARL does not answer ({type(error).__name__})") from None
        except (TimeoutError, aiohttp.ClientError) as error:
            raise TemporaryError(
                f"the answer of ARL was lost ({type(error).__name__})", retry_after=SETTLED, uncertain=True
            ) from None


def _listed(answer: Body) -> Sequence[object]:
    """The items of an answer. Raises `PermanentError` for one that has no list."""
    items = answer.get("items", ())
    if isinstance(items, list | tuple):
        return items
    raise PermanentError("what answers at engine.url is no ARL (a list without items)")


def _has_more(answer: Body, told: int) -> bool:
    """Whether ARL says that there is more than what was told; only the next page shows."""
    total = answer.get("total")
    return isinstance(total, int | float) and total > told


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    """The body, as far as anybody can want it. Raises `AnswerTooLargeError` without reading the rest."""
    parts, size = [], 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise AnswerTooLargeError
        parts.append(part)
    return b"".join(parts)


def _date(text: str) -> datetime | None:
    """ARL's time, if it tells one. `-0000` stands for a time in UTC of which no zone is said."""
    try:
        date = parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None


def understood(status: int, content: bytes) -> Body:
    """The body of an answer that says success; anything else raises what it means."""
    if status == NOT_LOGIN:
        raise PermanentError("ARL's proxy does not take engine.basic_auth")
    body = _body(content)
    code = body.get("code") if body else None
    if body is None or not isinstance(code, int):
        raise _not_business(status, body)
    if code == SUCCESS:
        return body
    raise _refusal(code, _words(body.get("message", "")))


def _words(value: object) -> str:
    """ARL's own words, as many as anybody reads."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""
    return text[:MAX_WORDS]


def _body(content: bytes) -> Body | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _not_business(status: int, body: Body | None) -> DingRunError:
    """What an answer means that is none of ARL's own: a proxy's, a crash, or another server altogether."""
    if status >= ANY_ERROR:
        return TemporaryError(f"ARL fails with HTTP {status}", uncertain=True, retry_after=SETTLED)
    if status >= FIRST_ERROR and body and body.get("errors"):
        return Refused(status, f"{_words(body.get('message', ''))} {_words(body['errors'])}")
    return PermanentError(f"what answers at engine.url is no ARL (HTTP {status})")


def _are_arl_s_own(words: str) -> bool:
    """Tell ARL's own words of an error, which are Chinese, from those of a library."""
    return any(_CHINESE.search(line.partition("error:")[2]) for line in words.split("\n"))


def _refusal(code: int, words: str) -> DingRunError:
    """What a code means. Of 500 only ARL's own words, in Chinese, are a refusal; others are a library's."""
    if code == NOT_LOGIN:
        return PermanentError(_BAD_KEY)
    if code == ANY_ERROR and not _are_arl_s_own(words):
        return TemporaryError(f"ARL fails: {words[:200]}", uncertain=True)
    return Refused(code, words)
