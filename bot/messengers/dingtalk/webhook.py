"""Messenger of custom group robots (0717). Requests are signed, and idempotent by their `msgUuid`."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.checks.diagnosis import diagnose
from bot.messengers.dingtalk.errors import (
    SECURITY_CODE,
    SETUP_FAULTS,
    SecurityFault,
    error_from_oapi,
    security_fault,
)
from bot.messengers.dingtalk.http import call
from bot.messengers.dingtalk.mentions import mentioned_people, webhook_mentions
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter, robot_limit
from bot.models import (
    Clock,
    CustomRobot,
    Destination,
    MarkdownMessage,
    Message,
    QuotaKind,
    RenderedCard,
    SendResult,
    deterministic_id,
)
from bot.ports import Capabilities, CheckResult, Checks, Sending, TextRepeat, unmarked

DEFAULT_BASE = "https://oapi.dingtalk.com"
CLOCK_RETRY_SECONDS = 300.0  # while the clock of this machine is wrong

JSON = {"Content-Type": "application/json"}
_UNSIGNED = "it accepts signed messages only, so set {setting}.SECRET to its secret, SEC…"
_KEYWORD = "it accepts messages with a keyword only, so set {setting}.KEYWORD to one of its keywords"
_ADDRESS = "add the public IP address of this machine to its allowed addresses"
SECURITY_FIXES = {  # by the security setting that rejects, and if the message was signed
    (SecurityFault.SIGNATURE, False): _UNSIGNED,
    (SecurityFault.TIMESTAMP, False): _UNSIGNED,  # a missing timestamp is an invalid one
    (SecurityFault.SIGNATURE, True): "{setting}.SECRET is not its secret; copy it again, starting with SEC",
    **{(SecurityFault.KEYWORD, signed): _KEYWORD for signed in (False, True)},
    **{(SecurityFault.ADDRESS, signed): _ADDRESS for signed in (False, True)},
}


def sign(secret: str, milliseconds: int) -> str:
    """Sign a request sent at this time (guide-0081): base64, to be URL-encoded once."""
    text = f"{milliseconds}\n{secret}"
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def message_body(markdown: MarkdownMessage, keyword: str = "") -> dict[str, Any]:
    """Build the body of a markdown message (0717). A mention must be in the `at` list and in the text."""
    text = markdown.text
    if people := mentioned_people(markdown.mention):
        text += "\n\n" + " ".join(f"@{each}" for each in people)
    if keyword and keyword not in text and keyword not in markdown.title:
        text += f"\n\n{keyword}"
    body = {"msgtype": "markdown", "markdown": {"title": markdown.title, "text": text}}
    return body | {"at": webhook_mentions(markdown.mention)} if markdown.mention else body


def action_card_body(markdown: MarkdownMessage) -> dict[str, Any]:
    """Build the body of a message with buttons, each of which sends its text as the person who presses it.

    The links are documented for cards (guide-0095), and are used in practice in the button of an action card.
    In a group the robot may not receive the text, because nobody mentions it. The text names the commands
    too, so nothing is lost where a client does not know the links.
    """
    buttons = [{"title": text, "actionURL": message_link(text)} for text in markdown.suggestions]
    card = {"title": markdown.title, "text": markdown.text, "btnOrientation": "0", "btns": buttons}
    return {"msgtype": "actionCard", "actionCard": card}


def message_link(text: str) -> str:
    """Return a link that sends a text to the chat, as the person who opens it."""
    return f"dtmd://dingtalkclient/sendMessage?content={quote(text, safe='')}"


def _encode(body: Mapping[str, Any]) -> bytes:
    """Encode a body without escapes: DingTalk's limit counts a Chinese character as three bytes."""
    return json.dumps(body, ensure_ascii=False).encode()


class WebhookMessenger:
    """Messenger over `/robot/send`. It sends markdown messages only."""

    capabilities = Capabilities(text_bytes=18_000, text_repeat=TextRepeat.BY_KEY)  # 20,000 in practice

    def __init__(
        self,
        session: aiohttp.ClientSession,
        robots: Mapping[str, CustomRobot],
        *,
        clock: Clock,
        base: str = DEFAULT_BASE,
        rate_limiter: NullRateLimiter | None = None,
    ) -> None:
        self._session = session
        self._robots = robots
        self._clock = clock
        self._base = base
        self._rate_limiter = rate_limiter or NullRateLimiter()

    def checks(self, groups: Sequence[str] = ()) -> Checks:
        return {}  # only a message tries a custom robot

    def diagnose(self, error: DingRunError) -> CheckResult:
        return diagnose(error)

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        raise PermanentError("a custom robot cannot show interactive cards")

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        raise PermanentError("a custom robot cannot show interactive cards")

    async def send_message(
        self, destination: Destination, markdown: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        if destination.id not in self._robots:
            raise PermanentError(f"there is no robot {destination.id} in notify.webhooks")
        robot, uuid = self._robots[destination.id], deterministic_id("", key, length=32)
        body = message_body(markdown, robot.keyword) | {"msgUuid": uuid}
        limit = robot_limit(deterministic_id("", robot.access_token))
        async with self._rate_limiter.call(limit, QuotaKind.STREAM):
            url, query = f"{self._base}/robot/send", self._query(robot)
            _, answer = await call(self._session, "POST", url, params=query, data=_encode(body), headers=JSON)
            problem = error_from_oapi(answer)
            if problem:
                raise self._with_fix(problem, robot) from problem
        return SendResult(message_id=uuid)

    def _query(self, robot: CustomRobot) -> dict[str, str]:
        if not robot.secret:
            return {"access_token": robot.access_token}
        now = int(self._clock().timestamp() * 1000)
        return {
            "access_token": robot.access_token,
            "timestamp": str(now),
            "sign": sign(robot.secret, now),
        }

    def _with_fix(self, problem: DingRunError, robot: CustomRobot) -> DingRunError:
        """Add the setting to change to an error of the robot's security settings.

        A wrong clock becomes a `TemporaryError`: the message is sent once the clock is right.
        """
        if not isinstance(problem, PermanentError) or problem.code != SECURITY_CODE:
            return problem
        fault = security_fault(str(problem))
        if fault is SecurityFault.TIMESTAMP and robot.secret:
            now = f"{self._clock():%Y-%m-%d %H:%M} UTC"
            return TemporaryError(
                f"this machine's clock says {now}, more than an hour off from DingTalk's:"
                " synchronize it, for example with NTP",
                retry_after=CLOCK_RETRY_SECONDS,
            )
        if fault is None:
            return problem
        fix = SECURITY_FIXES[fault, bool(robot.secret)].format(setting=robot.setting)
        reason = f"the custom robot rejected the message: {fix} (DingTalk: 310000)"
        return PermanentError(reason, code=SECURITY_CODE, setup_fault=SETUP_FAULTS[SECURITY_CODE])

    async def upload(self, path: Path, name: str) -> str:
        raise PermanentError("a custom robot cannot send files")

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        raise PermanentError("a custom robot cannot send files")

    async def conversation_id(self, group: str) -> str:
        raise PermanentError("a custom robot cannot find groups")

    async def reply(
        self, message: Message, markdown: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        raise PermanentError("a custom robot cannot reply")
