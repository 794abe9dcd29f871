"""Problem documents (RFC 9457): how the API says what is wrong."""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 5


class Problem(Exception):
    """A request is refused. `type` is `about:blank`: the status says what kind of problem it is."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail or HTTPStatus(status).phrase)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> web.Response:
        """Return the problem document."""
        document: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
        }
        if self.detail:
            document["detail"] = self.detail
        text = json.dumps(document | self.members, ensure_ascii=False, default=str)
        return web.Response(status=self.status, text=text, content_type=CONTENT_TYPE, headers=self.headers)

    def plain_response(self) -> web.Response:
        """Return the problem as one line of text, for pings."""
        text = self.detail or HTTPStatus(self.status).phrase.lower()
        return web.Response(status=self.status, text=f"{text}\n", headers=self.headers)


def not_found() -> Problem:
    """Return the one answer for unknown keys, schedules and runs."""
    return Problem(HTTPStatus.NOT_FOUND)


def try_later(detail: str, seconds: float = RETRY_SECONDS, *, status: int = 503) -> Problem:
    """Return the answer for what is not possible now."""
    return Problem(status, detail, headers={"Retry-After": str(max(1, math.ceil(seconds)))})
