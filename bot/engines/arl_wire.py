"""ARL's REST API on the wire: what is asked, and what its answers mean.

ARL answers HTTP 200 to nearly everything; `code` in the body is what counts. A path without its last slash is
answered with a redirection to plain HTTP, and a redirection is never followed: the key would travel there.
"""

import base64
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from ssl import SSLContext
from typing import Any

import aiohttp

from bot.engines.reasons import reason
from bot.errors import DingRunError, Permanent, Temporary

log = logging.getLogger(__name__)

PATIENCE = aiohttp.ClientTimeout(total=60, sock_connect=5)  # ARL kills its own request after 30 s
SETTLED = 35.0  # seconds after a lost answer; then ARL has done all that it ever will of the request
SUCCESS, NOT_LOGIN, ANY_ERROR = 200, 401, 500
FIRST_ERROR = 400

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_BAD_KEY = "ARL does not take the key of engine.api_key"

Body = Mapping[str, Any]


class Refused(Permanent):
    """ARL refuses it; its words are in `words`"""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(reason("refused_by_arl", words=words), code=str(code))
        self.words = words


class ArlWire:
    """The API of one ARL. `tls` pins whom we talk to; there is no way to talk to just anybody."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        url: str,
        api_key: str,
        basic_auth: str = "",
        tls: SSLContext | aiohttp.Fingerprint | bool = True,
    ) -> None:
        self._session = session
        self._base = url.rstrip("/").removesuffix("/api") + "/api"
        self._headers = {"Token": api_key}
        if basic_auth:
            self._headers["Authorization"] = f"Basic {base64.b64encode(basic_auth.encode()).decode()}"
        self._tls = tls
        self.said_at: datetime | None = None  # ARL's time at its last answer, to the second

    async def get(self, path: str, **query: str | int) -> Body:
        """Ask. `path` begins and, but for ids, ends with a slash."""
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Body) -> Body:
        return await self._ask("POST", path, json=body)

    async def pages(
        self, path: str, *, size: int, order: str = "+_id", **query: str | int
    ) -> AsyncIterator[dict[str, Any]]:
        """All items of a list, a page at a time, oldest first; `-_id` begins with the newest.

        A fork keeps answers of up to 5,000 items for a minute; a larger `size` asks past that.
        """
        page, left = 1, 1
        while left > 0:
            answer = await self.get(path, page=page, size=size, order=order, **query)
            for item in answer.get("items", ()):
                yield item
            left = int(answer.get("total", 0)) - page * size
            page += 1

    async def _ask(self, method: str, path: str, **parts: Any) -> Body:
        try:
            async with self._session.request(
                method,
                self._base + path,
                headers=self._headers,
                ssl=self._tls,
                timeout=PATIENCE,
                allow_redirects=False,
                **parts,
            ) as answer:
                self.said_at = _date(answer.headers.get("Date", ""))
                return understood(answer.status, await answer.read())
        except (aiohttp.ServerFingerprintMismatch, aiohttp.ClientConnectorCertificateError):
            raise Permanent(
                "ARL shows another certificate than engine.ca_file or engine.fingerprint"
            ) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Temporary(f"ARL does not answer ({type(error).__name__})") from None
        except (TimeoutError, aiohttp.ClientError) as error:
            raise Temporary(
                f"the answer of ARL was lost ({type(error).__name__})", retry_after=SETTLED, uncertain=True
            ) from None


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def understood(status: int, content: bytes) -> Body:
    """The body of an answer that says success; anything else raises what it means."""
    if status == NOT_LOGIN:
        raise Permanent("ARL's proxy does not take engine.basic_auth")
    body = _body(content)
    if body is None or "code" not in body:
        raise _not_business(status, body)
    code, words = body["code"], str(body.get("message", ""))
    if code == SUCCESS:
        return body
    raise _refusal(int(code), words)


def _body(content: bytes) -> Body | None:
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _not_business(status: int, body: Body | None) -> DingRunError:
    """What an answer means that is none of ARL's own: a proxy's, a crash, or another server altogether."""
    if status >= ANY_ERROR:
        return Temporary(f"ARL fails with HTTP {status}", uncertain=True, retry_after=SETTLED)
    if status >= FIRST_ERROR and body and body.get("errors"):
        return Refused(status, f"{body.get('message', '')} {json.dumps(body['errors'], ensure_ascii=False)}")
    return Permanent(f"what answers at engine.url is no ARL (HTTP {status})")


def _are_arl_s_own(words: str) -> bool:
    """Tell ARL's own words of an error, which are Chinese, from those of a library."""
    return any(_CHINESE.search(line.partition("error:")[2]) for line in words.split("\n"))


def _refusal(code: int, words: str) -> DingRunError:
    """What a code means. Of 500 only ARL's own words, in Chinese, are a refusal; others are a library's."""
    if code == NOT_LOGIN:
        return Permanent(_BAD_KEY)
    if code == ANY_ERROR and not _are_arl_s_own(words):
        return Temporary(f"ARL fails: {words[:200]}", uncertain=True)
    return Refused(code, words)
