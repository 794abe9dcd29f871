"""Checks of an app for `dingrun check`. Nothing is sent and nothing is created.

The keys, the Stream and the clock cost no API call. The scope of cards costs one, and so does each group.
What only a message can tell, `dingrun check --send` tries.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import partial

import aiohttp

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.api import ApiClient
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.checks.diagnosis import APPS, diagnose
from bot.messengers.dingtalk.gateway import open_ticket
from bot.messengers.dingtalk.http import TIMEOUT
from bot.models import Clock
from bot.ports import Check, CheckResult, Checks, CheckStatus

MAX_GROUPS = 20  # each costs an API call
CLOCK_WARNING, CLOCK_FAILURE = timedelta(seconds=30), timedelta(minutes=5)
PROBE = "dingrun-check"  # outTrackId and processQueryKey of nothing
NO_SUCH_CARD = frozenset({"param.cardNotExist"})
NO_SUCH_MESSAGE = frozenset({  # 0722: app, robot and group are accepted, only the message is unknown
    "invalidParameter.param.invalid", "invalid.processQueryKey", "processQueryKey.expireTime",
    "invalidParameter.processQueryKey.missing",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class AppProbes:
    """Checks of an app that send nothing."""

    session: aiohttp.ClientSession
    app: DingTalkApp
    tokens: Tokens
    api: ApiClient
    clock: Clock
    conversation_id: Callable[[str], Awaitable[str]]

    def checks(self, groups: Sequence[str]) -> Checks:
        """Return the checks of keys, Stream, clock, the scope of cards, and each group."""
        return {
            "凭证 / keys": self._guarded(self._check_keys),
            "Stream": self._guarded(self._check_stream),
            "时钟 / clock": self._guarded(self._check_clock),
            "卡片权限 / card scope": self._guarded(self._check_cards),
            **{
                f"群 / group {group}": self._guarded(partial(self._check_group, group))
                for group in groups[:MAX_GROUPS]
            },
        }

    def _guarded(self, check: Check) -> Check:
        async def guarded() -> str | CheckResult:
            try:
                return await check()
            except DingRunError as error:
                return diagnose(error, self.app.app_key)

        return guarded

    async def _check_keys(self) -> str:
        await self.tokens.get()
        return f"{self.app.openapi_base}, APP_KEY {self.app.app_key}"

    async def _check_stream(self) -> str | CheckResult:
        """Request a ticket and leave it unused, so that a running service keeps its connection.

        What the gateway answers to an app without Stream mode is not documented: keys that are accepted
        elsewhere and refused here point to it.
        """
        try:
            return (await open_ticket(self.session, self.app)).partition("?")[0]
        except PermanentError as error:
            await self.tokens.get()
            known = diagnose(error, self.app.app_key)
            if known.cause not in {"dingtalk_fails", "wrong_keys"}:
                return known
            return CheckResult(status=CheckStatus.FAIL, detail=str(error), cause="stream_off", link=APPS)

    async def _check_clock(self) -> str | CheckResult:
        """Compare the clock with the `Date` of an answer, which has whole seconds."""
        url = f"{self.app.openapi_base}/v1.0/oauth2/accessToken"
        try:
            async with self.session.post(url, json={}, allow_redirects=False, timeout=TIMEOUT) as answer:
                theirs = parsedate_to_datetime(answer.headers["Date"])
        except (KeyError, ValueError):
            raise TemporaryError("DingTalk's answer has no Date") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TemporaryError(f"DingTalk cannot be reached: {type(error).__name__}") from None
        ahead = self.clock() - theirs.astimezone(UTC)
        return describe_clock(ahead)

    async def _check_cards(self) -> str:
        """Update a card that does not exist: DingTalk checks the scope first (0782)."""
        body = {"outTrackId": PROBE, "cardData": {"cardParamMap": {}}}
        await self._refused("PUT", "/v1.0/card/instances", body, NO_SUCH_CARD)
        return "Card.Instance.Write"

    async def _check_group(self, group: str) -> str:
        """Ask for the readers of a message that does not exist: robot and group are checked first (0722)."""
        body = {
            "openConversationId": await self.conversation_id(group),
            "robotCode": self.app.robot_code,
            "processQueryKey": PROBE,
        }
        await self._refused("POST", "/v1.0/robot/groupMessages/query", body, NO_SUCH_MESSAGE)
        return "机器人在群里 / the robot is in the group"

    async def _refused(
        self, method: str, path: str, body: Mapping[str, object], expected: frozenset[str]
    ) -> None:
        """Make a call that is refused only because what it names does not exist."""
        try:
            await self.api.openapi(method, path, body)
        except DingRunError as error:
            if error.code not in expected:
                raise


def describe_clock(ahead: timedelta) -> str | CheckResult:
    """Say how far the clock of this machine is ahead of DingTalk's."""
    seconds = round(ahead.total_seconds())
    detail = f"{'+' if seconds >= 0 else '-'}{abs(seconds)} s"
    if abs(ahead) < CLOCK_WARNING:
        return detail
    status = CheckStatus.FAIL if abs(ahead) >= CLOCK_FAILURE else CheckStatus.WARN
    return CheckResult(status=status, detail=detail, cause="clock_off")
