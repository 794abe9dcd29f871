"""What DingTalk's refusals mean for us: one table from its words to what happens next.

New API: HTTP 4xx/5xx with `code` (0013-server-api-error-codes-1, 0714, 0716, 0783). Old API: HTTP 200 with
`errcode`
(0013, 0717, 0769). What is not in the table is tried again: better late than lost.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from bot.errors import CardUndeliveredError, DingRunError, PermanentError, RateLimited, TemporaryError
from bot.telemetry.logging import redacted

SECOND, MINUTE, PENALTY = 1.0, 60.0, 600.0

TOKEN_CODES = frozenset({"InvalidAuthentication", "40014", "42001", "41001"})
"""The token is not taken (any more): fetch another, once."""

LATER = {  # code: seconds after which another try makes sense
    "send.too.fast": 2 * SECOND,
    "send.byToken.tooFast": MINUTE,
    "too.many.group": MINUTE,
    "too.many.people": MINUTE,
    "system.busy": 2 * SECOND,
    "systemBusy": 2 * SECOND,
    "system.error": 2 * SECOND,
    "server.error": 2 * SECOND,
    "ServiceUnavailable": 2 * SECOND,
    "-1": 2 * SECOND,
    "15": 2 * SECOND,
    "41046": MINUTE,
    "41047": MINUTE,
    "41048": MINUTE,
}

TOO_FAST = {  # code: seconds for which nobody may go on
    "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi": SECOND,
    "Forbidden.AccessDenied.QpsLimitForApi": 2 * SECOND,
    "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi": MINUTE,
    "90018": SECOND,
    "90002": 2 * SECOND,
    "130101": PENALTY,
    "410100": PENALTY,
}

MONTH_CODES = frozenset({"Forbidden.AccessDenied.ApiCountLimitForOrg", "90020", "90030"})
"""The calls of the month are used up; by other apps of the organisation, when our count says otherwise."""

BAN = 300.0  # seconds that an address is banned for (0012-call-frequency-limit)
PUNISH_WORDS = (b"punish", b"_____tmd_____", b"x5secdata")  # of the page that comes instead of JSON
PAGE_BYTES = 64 * 1024

NEVER = frozenset({
    "group.disbanded", "conversation.org.notMatch", "bot.stopped", "bot.forbidden.sendMessage",
    "send.forbidden",
    "chatbotId.notAllow.sendOTO", "robot.oto.notExist", "staffId.notExisted", "unauthorized", "auth.error",
    "resource.not.found", "resource.unavailable", "session.expired", "session.notExisted",
    "Forbidden.AccessDenied.AccessTokenPermissionDenied", "Forbidden.AccessDenied.IpNotInWhiteList",
    "invalidClientIdOrSecret", "invalid.client", "unauthorized.client", "unsupported.grant.type",
    "permession.checkFailed", "invalideChatId", "invalid.openConversationId",
    "33001", "33012", "34016", "40004", "40005", "40006", "40007", "40013", "40035", "40089", "41005",
    "41029", "41044", "41045", "41049", "41101", "43002", "43004", "43008", "44001", "45001", "60011",
    "300001", "300005", "310000",
    "400002", "400013", "400101", "400102", "400105", "400106", "401102", "430101", "430102", "430103",
    "430104", "460101",
})  # fmt: skip
CONTENT_PREFIXES = ("contain.", "param.contentUnsafe", "43010", "41049", "460101")
"""The words of a message are refused, by the audit or for their length; another one may go the same way."""

NEVER_PREFIXES = ("invalidParameter.", "param.", "miss.", "contain.", "template.")

SETUP_FAULTS = {  # code: what has to be set right (0714, 0716, 0745, 0783, 0717, 0769)
    "invalidParameter.robotCode.notExsit": "robot_not_in_group",
    "invalidParameter.robotCode.auth": "wrong_robot_code",
    "invalidParameter.robotCode.invalid": "wrong_robot_code",
    "invalidParameter.robotCode.empty": "wrong_robot_code",
    "invalidParameter.robotCode.missing": "wrong_robot_code",
    "invalid.openConversationId": "wrong_group",
    "miss.openConversationId": "wrong_group",
    "conversation.org.notMatch": "wrong_group",
    "group.disbanded": "wrong_group",
    "invalideChatId": "wrong_group",
    "permession.checkFailed": "wrong_group",
    "400013": "wrong_group",
    "staffId.notExisted": "wrong_person",
    "param.userIdNotExist": "wrong_person",
    "33012": "wrong_person",
    "bot.stopped": "robot_stopped",
    "bot.forbidden.sendMessage": "robot_stopped",
    "robot.oto.notExist": "robot_stopped",
    "chatbotId.notAllow.sendOTO": "robot_stopped",
    "400102": "robot_stopped",
    "300001": "wrong_webhook",
    "300005": "wrong_webhook",
    "400101": "wrong_webhook",
    "400106": "wrong_webhook",
    "310000": "webhook_security",
}

DELIVERY_FAULTS = (  # words in the errorMsg of a card's delivery (0783), where there is no code
    ("robot is not in the group", "robot_not_in_group"),
    ("机器人不在群", "robot_not_in_group"),
    ("openconversationid", "wrong_group"),
    ("spaceid", "wrong_group"),
    ("group not exist", "wrong_group"),
    ("群不存在", "wrong_group"),
    ("userid", "wrong_person"),
    ("用户不存在", "wrong_person"),
    ("robotcode", "wrong_robot_code"),
)

MAYBE_SENT = frozenset({"unknown.send.result"})

HINTS = {
    "Forbidden.AccessDenied.AccessTokenPermissionDenied": "grant the scope and publish a version",
    "Forbidden.AccessDenied.IpNotInWhiteList": "add this machine's address to the app's white list",
    "invalidClientIdOrSecret": "DINGDING.APP_KEY and DINGDING.APP_SECRET do not belong together",
    "310000": "the robot's security settings refuse it: keyword, signature, clock or address",
    "invalidParameter.robotCode.notExsit": "is the robot in this group?",
}

SESSION_OVER = frozenset({"session.expired", "session.notExisted"})
"""Said of a session webhook; the errcode beside it is not documented (0716 lists the words)."""

UNAUTHORISED = "88"
"""Why stands in `sub_code`; without one the check itself timed out (0013)."""

EXISTS = "param.cardAlreadyExist"

SECURITY = "310000"
"""A custom robot's security settings refuse the message; only the words tell which of them (0717)."""


class SecurityFault(StrEnum):
    """Names the security setting of a custom robot that refuses a message."""

    KEYWORD = "keyword"  #: none of the robot's keywords stands in the message
    SIGNATURE = "signature"  #: the signature is missing or was made with another secret
    TIMESTAMP = "timestamp"  #: the timestamp is missing, or more than an hour off
    ADDRESS = "address"  #: this machine is not in the robot's list of addresses


SECURITY_WORDS = {  # the words of the first years, and those of today: "description:…;solution:…;link:…"
    SecurityFault.KEYWORD: ("keywords not in content", "关键词不匹配"),
    SecurityFault.SIGNATURE: ("sign not match", "签名不匹配"),
    SecurityFault.TIMESTAMP: ("invalid timestamp", "签名过期"),
    SecurityFault.ADDRESS: ("not in whitelist", "白名单"),
}


class NotBilled(TemporaryError):
    """DingTalk did not do it, and does not count it as a call"""


class TokenRefused(NotBilled):
    """DingTalk does not take the access token"""


class Throttled(NotBilled):
    """DingTalk throttles us"""


class Banned(NotBilled):
    """DingTalk bans this machine's address for some minutes"""


class QuotaExhausted(RateLimited):
    """DingTalk refuses until the month is over, or more calls are bought"""


def refusal(code: str, message: str, *, scopes: tuple[str, ...] = ()) -> DingRunError:
    """The error of ours for a `code` or `errcode` that is not a success."""
    words = [f"DingTalk answered {code}", redacted(message[:200]), *scopes, HINTS.get(code, "")]
    said = " ".join(filter(None, words))
    if code in TOKEN_CODES:
        return TokenRefused(said)
    if code in MONTH_CODES:
        return QuotaExhausted(said, retry_after=SECOND)
    for kind, waits in ((Throttled, TOO_FAST), (TemporaryError, LATER)):
        if code in waits:
            return kind(said, retry_after=waits[code])
    if code in MAYBE_SENT:
        return TemporaryError(said, uncertain=True)
    if code in NEVER or code.startswith(NEVER_PREFIXES):
        content = code.startswith(CONTENT_PREFIXES)
        return PermanentError(said, code=code, content=content, setup_fault=SETUP_FAULTS.get(code, ""))
    return TemporaryError(said)


def undelivered(words: str) -> DingRunError:
    """The error of ours for a card that was created and not delivered.

    What a person has to set right is refused for good; anything else, such as `SYSTEM_ERROR`, is tried again.
    """
    said = f"the card was created but not delivered: {words[:200]}"
    by_code = (fault for code, fault in SETUP_FAULTS.items() if not code.isdecimal() and code in words)
    by_words = (fault for part, fault in DELIVERY_FAULTS if part in words.lower())
    fault = next(by_code, "") or next(by_words, "")
    return PermanentError(said, setup_fault=fault) if fault else CardUndeliveredError(said)


def error_from_openapi(status: int, body: Mapping[str, Any]) -> DingRunError | None:
    """The error in an answer of the new API, or None for a success."""
    if banned := _ban(body):
        return banned
    if status < 400:  # noqa: PLR2004 - HTTP's own border
        return None
    if status == 401 and not body.get("code"):  # noqa: PLR2004
        return TokenRefused("DingTalk answered 401")
    detail = body.get("accessdenieddetail")
    scopes = detail.get("requiredScopes", ()) if isinstance(detail, dict) else ()
    code = str(body.get("code") or status)
    return refusal(code, str(body.get("message", "")), scopes=tuple(map(str, scopes)))


def error_from_oapi(body: Mapping[str, Any]) -> DingRunError | None:
    """The error in an answer of the old API, or None for a success."""
    if banned := _ban(body):
        return banned
    code = body.get("errcode", body.get("status"))
    if code in {0, "0"}:
        return None
    if str(body.get("errmsg")) in SESSION_OVER:
        return refusal(str(body["errmsg"]), "")
    if str(code) == UNAUTHORISED and body.get("sub_code"):
        return refusal(str(body["sub_code"]), str(body.get("sub_msg", "")))
    return refusal(str(code), str(body.get("errmsg", "")))


def security_fault(message: str) -> SecurityFault | None:
    """Tell which security setting a refusal with code 310000 is about; None for words nobody knows.

    What follows `solution:` is advice and names other settings as well, so it is not read.
    """
    said = re.split(r"[;；]\s*(?:solution|解决方案)", message)[0]
    found = (fault for fault, words in SECURITY_WORDS.items() if any(word in said for word in words))
    return next(found, None)


def is_punish_page(raw: bytes) -> bool:
    """Recognise the page that DingTalk shows to an address that called too often."""
    page = raw[:PAGE_BYTES].lower()
    return page.lstrip()[:1] == b"<" and any(word in page for word in PUNISH_WORDS)


def _ban(body: Mapping[str, Any]) -> DingRunError | None:
    """To an address that called too often: `{"status": 1111, "punish": "deny", …}`, on any path."""
    return Banned(retry_after=BAN) if body.get("punish") == "deny" else None
