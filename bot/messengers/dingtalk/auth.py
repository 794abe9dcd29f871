"""Credentials and access token of an app (0033-obtain-the-access-token-of-an-internal-app)."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiohttp
from alibabacloud_dingtalk.oauth2_1_0.models import GetAccessTokenRequest

from bot.errors import ConfigError, PermanentError, TemporaryError
from bot.messengers.dingtalk.errors import error_from_openapi
from bot.messengers.dingtalk.http import post_json
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.models import Clock

REFRESH_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class DingTalkApp:
    """Internal app: its keys, its robot and the hosts of the two APIs."""

    app_key: str
    app_secret: str = field(repr=False)
    robot_code: str
    agent_id: int | None = None
    openapi_base: str = "https://api.dingtalk.com"
    oapi_base: str = "https://oapi.dingtalk.com"


class Tokens:
    """Cache of the access token of one app.

    Concurrent callers share one request. The token is replaced ten minutes before it expires.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app: DingTalkApp,
        clock: Clock,
        rate_limiter: NullRateLimiter | None = None,
    ) -> None:
        self._session = session
        self._app = app
        self._clock = clock
        self._rate_limiter = rate_limiter or NullRateLimiter()
        self._fetching = asyncio.Lock()
        self._token = ""
        self._until: datetime | None = None

    async def get(self) -> str:
        """Return a valid access token. Raises `ConfigError` if DingTalk rejects the keys."""
        async with self._fetching:
            if self._until is None or self._clock() >= self._until:
                await self._fetch()
            return self._token

    def drop(self, token: str) -> None:
        """Discard a token that DingTalk rejected. The next `get` requests a new one."""
        if token == self._token:
            self._until = None

    async def _fetch(self) -> None:
        requested_at = self._clock()
        request = GetAccessTokenRequest(app_key=self._app.app_key, app_secret=self._app.app_secret)
        url = f"{self._app.openapi_base}/v1.0/oauth2/accessToken"
        async with self._rate_limiter.free_call():
            status, body = await post_json(self._session, url, request.to_map())
        try:
            problem = error_from_openapi(status, body)
            if problem:
                raise problem
        except PermanentError as error:
            refused = ConfigError(str(error))
            refused.code = error.code
            raise refused from None
        token, lifetime = body.get("accessToken"), body.get("expireIn")
        if not isinstance(token, str) or not isinstance(lifetime, int):
            raise TemporaryError("DingTalk's answer has no access token")
        self._token = token
        valid_for = timedelta(seconds=lifetime)
        self._until = requested_at + max(valid_for - REFRESH_MARGIN, valid_for / 2)
