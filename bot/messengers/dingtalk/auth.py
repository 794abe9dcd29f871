"""The app at DingTalk, and its access token (0033-obtain-the-access-token-of-an-internal-app)."""

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

EARLY = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class DingTalkApp:
    """An internal app: its keys, its robot, and DingTalk's two hosts."""

    app_key: str
    app_secret: str = field(repr=False)
    robot_code: str
    agent_id: int | None = None
    openapi_base: str = "https://api.dingtalk.com"
    oapi_base: str = "https://oapi.dingtalk.com"


class Tokens:
    """The token of one app: fetched once for all who wait, kept until ten minutes before its end."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app: DingTalkApp,
        clock: Clock,
        meter: NullRateLimiter | None = None,
    ) -> None:
        self._session = session
        self._app = app
        self._clock = clock
        self._meter = meter or NullRateLimiter()
        self._fetching = asyncio.Lock()
        self._token = ""
        self._until: datetime | None = None

    async def get(self) -> str:
        """A token that is good for some minutes. Raises `ConfigError` when the keys are refused."""
        async with self._fetching:
            if self._until is None or self._clock() >= self._until:
                await self._fetch()
            return self._token

    def drop(self, token: str) -> None:
        """DingTalk does not take this token; the next `get` fetches another."""
        if token == self._token:
            self._until = None

    async def _fetch(self) -> None:
        asked_at = self._clock()
        request = GetAccessTokenRequest(app_key=self._app.app_key, app_secret=self._app.app_secret)
        url = f"{self._app.openapi_base}/v1.0/oauth2/accessToken"
        async with self._meter.free_call():
            status, body = await post_json(self._session, url, request.to_map())
        try:
            problem = error_from_openapi(status, body)
            if problem:
                raise problem
        except PermanentError as error:
            raise ConfigError(str(error)) from None
        token, lifetime = body.get("accessToken"), body.get("expireIn")
        if not isinstance(token, str) or not isinstance(lifetime, int):
            raise TemporaryError("DingTalk's answer holds no access token")
        self._token = token
        self._until = asked_at + max(timedelta(seconds=lifetime) - EARLY, timedelta(seconds=lifetime) / 2)
