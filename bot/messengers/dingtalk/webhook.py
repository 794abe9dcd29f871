"""Custom group robots (0717): signed, and safe to repeat by their `msgUuid`."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.errors import (
    SECURITY,
    SETUP_FAULTS,
    SecurityFault,
    error_from_oapi,
    security_fault,
)
from bot.messengers.dingtalk.http import call
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
    is_mobile,
)
from bot.ports import Capabilities, Sending, TextRepeat, unmarked

DEFAULT_BASE = "https://oapi.dingtalk.com"
CLOCK_WAIT = 300.0  # seconds, between tries while this machine's clock is wrong
MOST_MENTIONED = 50  # people in one message

JSON = {"Content-Type": "application/json"}
_UNSIGNED = "it takes signed messages only (加签), so set {setting}.SECRET to its secret, SEC…"
_KEYWORD = "it takes messages with a keyword only, so set {setting}.KEYWORD to one of its keywords"
_ADDRESS = "add the public address of this machine to its list of addresses (IP 地址段)"
CURES = {  # by the security setting that refuses, and whether the message was signed
    (SecurityFault.SIGNATURE, False): _UNSIGNED,
    (SecurityFault.TIMESTAMP, False): _UNSIGNED,  # a missing timestamp is an invalid one
    (SecurityFault.SIGNATURE, True): "{setting}.SECRET is not its secret; copy it again, from SEC on",
    **{(SecurityFault.KEYWORD, signed): _KEYWORD for signed in (False, True)},
    **{(SecurityFault.ADDRESS, signed): _ADDRESS for signed in (False, True)},
}


def sign(secret: str, milliseconds: int) -> str:
    """The signature of a request at this time (guide-0081): base64, to be URL-encoded once."""
    text = f"{milliseconds}\n{secret}"
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def message_body(note: MarkdownMessage, keyword: str = "") -> dict[str, Any]:
    """A markdown message that rings for whom it mentions (0717): named in the list and in the text alike."""
    text = note.text
    people = [each for each in note.mention if each != "all"][:MOST_MENTIONED]
    if people:
        text += "\n\n" + " ".join(f"@{each}" for each in people)
    if keyword and keyword not in text and keyword not in note.title:
        text += f"\n\n{keyword}"
    mobiles = [each for each in people if is_mobile(each)]
    at = {
        "atMobiles": mobiles,
        "atUserIds": [each for each in people if each not in mobiles],
        "isAtAll": "all" in note.mention,
    }
    body = {"msgtype": "markdown", "markdown": {"title": note.title, "text": text}}
    return body | {"at": at} if note.mention else body


def _packed(body: Mapping[str, Any]) -> bytes:
    """Write a body as it is counted: a Chinese character as three bytes, and not as six by its escape."""
    return json.dumps(body, ensure_ascii=False).encode()


class WebhookMessenger:
    """The Messenger port over `/robot/send`: notes only."""

    capabilities = Capabilities(text_bytes=18_000, text_repeat=TextRepeat.BY_KEY)  # 20,000 seen in the wild

    def __init__(
        self,
        session: aiohttp.ClientSession,
        robots: Mapping[str, CustomRobot],
        *,
        clock: Clock,
        base: str = DEFAULT_BASE,
        meter: NullRateLimiter | None = None,
    ) -> None:
        self._session = session
        self._robots = robots
        self._clock = clock
        self._base = base
        self._meter = meter or NullRateLimiter()

    async def send_card(
        self, destination: Destination, card: RenderedCard, card_id: str, *, created: bool = False
    ) -> SendResult:
        raise PermanentError("a custom robot cannot show interactive cards")

    async def update_card(self, card_id: str, card: RenderedCard) -> None:
        raise PermanentError("a custom robot cannot show interactive cards")

    async def send_message(
        self, destination: Destination, note: MarkdownMessage, key: str, *, sending: Sending = unmarked
    ) -> SendResult:
        if destination.id not in self._robots:
            raise PermanentError(f"there is no robot {destination.id} in notify.webhooks")
        robot, uuid = self._robots[destination.id], deterministic_id("", key, length=32)
        body = message_body(note, robot.keyword) | {"msgUuid": uuid}
        gate = robot_limit(deterministic_id("", robot.access_token))
        async with self._meter.call(gate, QuotaKind.STREAM):
            url, query = f"{self._base}/robot/send", self._query(robot)
            _, answer = await call(self._session, "POST", url, params=query, data=_packed(body), headers=JSON)
            problem = error_from_oapi(answer)
            if problem:
                raise self._explained(problem, robot)
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

    def _explained(self, problem: DingRunError, robot: CustomRobot) -> DingRunError:
        """Name the setting that cures a refusal by the robot's security settings.

        A wrong clock is not for ever: somebody sets it right, and the message goes.
        """
        if not isinstance(problem, PermanentError) or problem.code != SECURITY:
            return problem
        fault = security_fault(str(problem))
        if fault is SecurityFault.TIMESTAMP and robot.secret:
            shown = f"{self._clock():%Y-%m-%d %H:%M} UTC"
            return TemporaryError(
                f"this machine's clock says {shown}, more than an hour off from DingTalk's:"
                " set it right, for example with NTP",
                retry_after=CLOCK_WAIT,
            )
        if fault is None:
            return problem
        cure = CURES[fault, bool(robot.secret)].format(setting=robot.setting)
        said = f"the custom robot refuses the message: {cure} (DingTalk: 310000)"
        return PermanentError(said, code=SECURITY, setup_fault=SETUP_FAULTS[SECURITY])

    async def upload(self, path: Path, name: str) -> str:
        raise PermanentError("a custom robot cannot send files")

    async def send_file(
        self, destination: Destination, media_id: str, name: str, *, sending: Sending = unmarked
    ) -> SendResult:
        raise PermanentError("a custom robot cannot send files")

    async def reply(
        self, message: Message, note: MarkdownMessage, *, sending: Sending = unmarked
    ) -> SendResult:
        raise PermanentError("a custom robot cannot answer")
