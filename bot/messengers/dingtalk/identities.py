"""Identify the person in whose DingTalk client a page is open (S/0024, topapi/v2/user/getuserinfo).

The page gets a code from `dd.requestAuthCode` (J/0006). It is valid once, for five minutes, and only with the
token of the app that it was requested for. The request is not metered (S/1432).
"""

from collections.abc import Mapping

import aiohttp

from bot.errors import PermanentError
from bot.messengers.dingtalk.api import ApiClient
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.models import Person

GET_USER = "/topapi/v2/user/getuserinfo"


class DingTalkIdentities:
    """The members of the organization of one app."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        app: DingTalkApp,
        tokens: Tokens,
        *,
        rate_limiter: NullRateLimiter | None = None,
    ) -> None:
        self._api = ApiClient(session, app, tokens, rate_limiter)
        self.client_id = app.app_key

    async def identify(self, code: str) -> Person:
        answer = await self._api.free_oapi(GET_USER, {"code": code})
        result = answer.get("result")
        user = result if isinstance(result, Mapping) else {}
        id_, name = user.get("userid"), user.get("name")
        if not isinstance(id_, str) or not id_:
            raise PermanentError("DingTalk named no user for a login code")
        return Person(id=id_, name=name if isinstance(name, str) else "")
