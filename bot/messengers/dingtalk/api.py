"""Authenticated calls of an app. A call whose access token is rejected is repeated once with a new one."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp

from bot.errors import TemporaryError
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.errors import TokenRefused, error_from_oapi, error_from_openapi
from bot.messengers.dingtalk.http import UPLOAD_TIMEOUT, Answer, call
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter, app_limit
from bot.models import QuotaKind
from bot.ports import Sending, unmarked
from bot.telemetry.rescues import Rescue, count_rescue

TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105 - the name of a header

Body = Mapping[str, Any]


class ApiClient:
    """Client of DingTalk's two APIs for one app."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app: DingTalkApp,
        tokens: Tokens,
        rate_limiter: NullRateLimiter | None = None,
    ) -> None:
        self._session = session
        self._app = app
        self._tokens = tokens
        self._rate_limiter = rate_limiter or NullRateLimiter()
        self._limit = app_limit(app.app_key)

    async def openapi(self, method: str, path: str, body: Body, *, sending: Sending = unmarked) -> Body:
        """Call the new API and return the body of the answer."""

        async def attempt(token: str) -> Body:
            url = f"{self._app.openapi_base}{path}"
            async with sending():
                headers = {TOKEN_HEADER: token}
                status, answer = await call(self._session, method, url, json=body, headers=headers)
                return _checked(answer, error_from_openapi(status, answer))

        return await self._with_token(attempt, self._metered)

    async def oapi(self, path: str, body: Body, *, sending: Sending = unmarked) -> Body:
        """Call the old API, whose access token is a query parameter."""

        async def attempt(token: str) -> Body:
            async with sending():
                _, answer = await self._post_oapi(path, {"access_token": token}, json=body)
                return _checked(answer, error_from_oapi(answer))

        return await self._with_token(attempt, self._metered)

    async def free_oapi(self, path: str, body: Body) -> Body:
        """Call a path of the old API that is not metered."""

        async def attempt(token: str) -> Body:
            _, answer = await self._post_oapi(path, {"access_token": token}, json=body)
            return _checked(answer, error_from_oapi(answer))

        return await self._with_token(attempt, self._rate_limiter.free_call)

    async def upload(self, path: str, form: Callable[[], aiohttp.FormData], *, kind: str = "file") -> Body:
        """Upload to the old API. `form` builds the multipart body for each attempt."""

        async def attempt(token: str) -> Body:
            query = {"access_token": token, "type": kind}
            answer = await self._post_oapi(path, query, data=form(), timeout=UPLOAD_TIMEOUT)
            return _checked(answer[1], error_from_oapi(answer[1]))

        return await self._with_token(attempt, self._metered)

    async def _post_oapi(self, path: str, query: Mapping[str, str], **options: Any) -> Answer:
        return await call(self._session, "POST", f"{self._app.oapi_base}{path}", params=query, **options)

    def _metered(self) -> AbstractAsyncContextManager[None]:
        return self._rate_limiter.call(self._limit, QuotaKind.API)

    async def _with_token(
        self,
        attempt: Callable[[str], Awaitable[Body]],
        limit: Callable[[], AbstractAsyncContextManager[None]],
    ) -> Body:
        """Make a call, each attempt within a rate limit. A token that is refused is renewed once."""
        token = await self._token()
        try:
            async with limit():
                return await attempt(token)
        except TokenRefused:
            count_rescue(Rescue.TOKEN_RENEWED)
            self._tokens.drop(token)
        token = await self._token()
        async with limit():
            return await attempt(token)

    async def _token(self) -> str:
        """Return the access token. A failure here is not uncertain: the call itself was not made."""
        try:
            return await self._tokens.get()
        except TemporaryError as error:
            error.uncertain = False
            raise


def _checked(answer: Body, problem: Exception | None) -> Body:
    if problem:
        raise problem
    return answer
