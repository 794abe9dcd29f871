"""Translation of DingTalk's error codes to our errors.

- New API: HTTP 4xx/5xx with `code` (0013-server-api-error-codes-1, 0714, 0716, 0783).
- Old API: HTTP 200 with `errcode` (0013, 0717, 0769).
- Unknown codes are retried.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from bot.errors import CardUndeliveredError, DingRunError, PermanentError, RateLimited, TemporaryError
from bot.telemetry.logging import redacted

SECOND, MINUTE, PENALTY = 1.0, 60.0, 600.0

TOKEN_CODES = frozenset({"InvalidAuthentication", "40014", "42001", "41001"})
"""The access token is invalid or expired: repeat the call once with a new one."""

RETRY_SECONDS = {  # delay of the next attempt, by code
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

THROTTLE_SECONDS = {  # time for which all bots pause, by code
    "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi": SECOND,
    "Forbidden.AccessDenied.QpsLimitForApi": 2 * SECOND,
    "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi": MINUTE,
    "90018": SECOND,
    "90002": 2 * SECOND,
    "130101": PENALTY,
    "410100": PENALTY,
}

MONTH_CODES = frozenset({"Forbidden.AccessDenied.ApiCountLimitForOrg", "90020", "90030"})
"""The month's calls are used up, possibly by other apps of the organization."""

BAN_SECONDS = 300.0  # duration of the ban of an IP address (0012-call-frequency-limit)
BAN_PAGE_MARKERS = (b"punish", b"_____tmd_____", b"x5secdata")  # in the page that is sent instead of JSON
BAN_PAGE_BYTES = 64 * 1024

PERMANENT_CODES = frozenset({
    "group.disbanded", "conversation.org.notMatch", "conversation.org.dismatch", "bot.stopped",
    "bot.forbidden.sendMessage", "send.forbidden",
    "chatbotId.notAllow.sendOTO", "robot.oto.notExist", "staffId.notExisted", "unauthorized", "auth.error",
    "resource.not.found", "resource.unavailable", "session.expired", "session.notExisted",
    "Forbidden.AccessDenied.AccessTokenPermissionDenied", "Forbidden.AccessDenied.IpNotInWhiteList",
    "invalidClientIdOrSecret", "authFailed", "invalid.client", "unauthorized.client",
    "unsupported.grant.type", "permession.checkFailed", "invalideChatId", "invalid.openConversationId",
    "33001", "33012", "34016", "40004", "40005", "40006", "40007", "40013", "40035", "40078", "40089",
    "41005", "41029", "41044", "41045", "41049", "41101", "43002", "43004", "43008", "44001", "45001",
    "60011", "60020", "300001", "300005", "310000",
    "400002", "400013", "400101", "400102", "400105", "400106", "401102", "430101", "430102", "430103",
    "430104", "460101",
})  # fmt: skip
CONTENT_PREFIXES = ("contain.", "param.contentUnsafe", "43010", "41049", "460101")
"""The content of a message is rejected, by the audit or for its length. Other messages may succeed."""

TEMPLATE_PREFIXES = (
    "param.template",
    "param.cardTemplateId",
    "template.",
    "param.invalid",
    "MissingStringValue",
)
"""The card template is missing or not published, or its variables are not those that were sent (0783)."""

PERMANENT_PREFIXES = ("invalidParameter.", "param.", "miss.", "contain.", "template.")

SETUP_FAULTS = {  # phrase that tells operators what to fix, by code (0714, 0716, 0745, 0783, 0717, 0769)
    "invalidParameter.robotCode.notExsit": "robot_not_in_group",
    "invalidParameter.robotCode.auth": "wrong_robot_code",
    "invalidParameter.robotCode.invalid": "wrong_robot_code",
    "invalidParameter.robotCode.empty": "wrong_robot_code",
    "invalidParameter.robotCode.missing": "wrong_robot_code",
    "invalid.openConversationId": "wrong_group",
    "miss.openConversationId": "wrong_group",
    "conversation.org.notMatch": "wrong_group",
    "conversation.org.dismatch": "wrong_group",
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

ROBOT_UNKNOWN_CODE = "invalidParameter.robotCode.notExsit"
"""Of a robot that is not in the group, and of one that DingTalk does not know ("robot 不存在").

The pages give one text only. Public reports have this one from apps of which no version is published.
"""

DELIVERY_FAULTS = (  # texts in the errorMsg of a card's delivery (0783), which has no code
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

UNCERTAIN_CODES = frozenset({"unknown.send.result"})

HINTS = {
    "Forbidden.AccessDenied.AccessTokenPermissionDenied": "grant the scope and publish a version",
    "Forbidden.AccessDenied.IpNotInWhiteList": "add this machine's IP address to the allowlist of the app",
    "invalidClientIdOrSecret": "DINGDING.APP_KEY and DINGDING.APP_SECRET do not match",
    "310000": "rejected by the robot's security settings: keyword, signature, clock or IP address",
    "invalidParameter.robotCode.notExsit": "is the app published, and the robot in this group?",
}

SESSION_EXPIRED_CODES = frozenset({"session.expired", "session.notExisted"})
"""Texts of an expired session webhook. Their errcode is not documented (0716 lists the texts)."""

UNAUTHORIZED_CODE = "88"
"""The reason is in `sub_code`. Without one, DingTalk's check timed out (0013)."""

CARD_EXISTS_CODE = "param.cardAlreadyExist"

SECURITY_CODE = "310000"
"""Rejected by the security settings of a custom robot. Only the text tells which one (0717)."""


class SecurityFault(StrEnum):
    """Security setting of a custom robot that rejected a message."""

    KEYWORD = "keyword"  #: the message contains none of the keywords
    SIGNATURE = "signature"  #: the signature is missing or made with another secret
    TIMESTAMP = "timestamp"  #: the timestamp is missing or more than an hour off
    ADDRESS = "address"  #: the IP address of this machine is not allowed


SECURITY_TEXTS = {  # old texts, and current ones: "description:…;solution:…;link:…"
    SecurityFault.KEYWORD: ("keywords not in content", "关键词不匹配"),
    SecurityFault.SIGNATURE: ("sign not match", "签名不匹配"),
    SecurityFault.TIMESTAMP: ("invalid timestamp", "签名过期"),
    SecurityFault.ADDRESS: ("not in whitelist", "白名单"),
}


class NotBilled(TemporaryError):
    """DingTalk rejected the call without billing it."""


class TokenRefused(NotBilled):
    """DingTalk rejected the access token."""


class Throttled(NotBilled):
    """DingTalk throttles us."""


class Banned(NotBilled):
    """DingTalk bans the IP address of this machine for some minutes."""


class BanInForce(RateLimited):
    """DingTalk bans this machine's address.

    No request was sent, because it would prolong the ban.
    """


class QuotaExhausted(RateLimited):
    """DingTalk rejects calls until the month ends or more calls are bought."""


def error_from_code(code: str, message: str, *, scopes: tuple[str, ...] = ()) -> DingRunError:
    """Return our error for a `code` or `errcode` that is not a success."""
    error = _error_from_code(code, message, scopes)
    error.code = code
    return error


def _error_from_code(code: str, message: str, scopes: tuple[str, ...]) -> DingRunError:
    parts = [f"DingTalk answered {code}", redacted(message[:200]), *scopes, HINTS.get(code, "")]
    text = " ".join(filter(None, parts))
    if code in TOKEN_CODES:
        return TokenRefused(text)
    if code in MONTH_CODES:
        return QuotaExhausted(text, retry_after=SECOND)
    for kind, delays in ((Throttled, THROTTLE_SECONDS), (TemporaryError, RETRY_SECONDS)):
        if code in delays:
            return kind(text, retry_after=delays[code])
    if code in UNCERTAIN_CODES:
        return TemporaryError(text, uncertain=True)
    if code in PERMANENT_CODES or code.startswith(PERMANENT_PREFIXES):
        content = code.startswith(CONTENT_PREFIXES)
        template = code.startswith(TEMPLATE_PREFIXES)
        fault = _setup_fault(code, message)
        return PermanentError(text, code=code, content=content, template=template, setup_fault=fault)
    return TemporaryError(text)


def _setup_fault(code: str, message: str) -> str:
    if code == ROBOT_UNKNOWN_CODE and "不存在" in message:
        return "app_not_published"
    return SETUP_FAULTS.get(code, "")


def delivery_error(words: str) -> DingRunError:
    """Return our error for a card that was created but not delivered.

    It is permanent if an operator has to fix something. Anything else, such as `SYSTEM_ERROR`, is retried.
    """
    text = f"the card was created but not delivered: {words[:200]}"
    by_code = (fault for code, fault in SETUP_FAULTS.items() if not code.isdecimal() and code in words)
    by_words = (fault for part, fault in DELIVERY_FAULTS if part in words.lower())
    fault = next(by_code, "") or next(by_words, "")
    return PermanentError(text, setup_fault=fault) if fault else CardUndeliveredError(text)


def error_from_openapi(status: int, body: Mapping[str, Any]) -> DingRunError | None:
    """Return the error in an answer of the new API, or None for a success."""
    if banned := _ban(body):
        return banned
    if status < 400:  # noqa: PLR2004 - first error status of HTTP
        return None
    if status == 401 and not body.get("code"):  # noqa: PLR2004
        return TokenRefused("DingTalk answered 401")
    detail = body.get("accessdenieddetail")
    scopes = detail.get("requiredScopes", ()) if isinstance(detail, dict) else ()
    code = str(body.get("code") or status)
    return error_from_code(code, str(body.get("message", "")), scopes=tuple(map(str, scopes)))


def error_from_oapi(body: Mapping[str, Any]) -> DingRunError | None:
    """Return the error in an answer of the old API, or None for a success."""
    if banned := _ban(body):
        return banned
    code = body.get("errcode", body.get("status"))
    if code in {0, "0"}:
        return None
    if str(body.get("errmsg")) in SESSION_EXPIRED_CODES:
        return error_from_code(str(body["errmsg"]), "")
    if str(code) == UNAUTHORIZED_CODE and body.get("sub_code"):
        return error_from_code(str(body["sub_code"]), str(body.get("sub_msg", "")))
    return error_from_code(str(code), str(body.get("errmsg", "")))


def security_fault(message: str) -> SecurityFault | None:
    """Return the security setting that an error 310000 is about, or None for an unknown text.

    The part after `solution:` is ignored, because it names other settings as well.
    """
    description = re.split(r"[;；]\s*(?:solution|解决方案)", message)[0]
    found = (fault for fault, words in SECURITY_TEXTS.items() if any(word in description for word in words))
    return next(found, None)


def is_ban_page(raw: bytes) -> bool:
    """Return True for the page that DingTalk sends to a banned IP address."""
    page = raw[:BAN_PAGE_BYTES].lower()
    return page.lstrip()[:1] == b"<" and any(word in page for word in BAN_PAGE_MARKERS)


def _ban(body: Mapping[str, Any]) -> DingRunError | None:
    """Detect the answer to a banned IP address: `{"status": 1111, "punish": "deny", …}`, on any path."""
    return Banned(retry_after=BAN_SECONDS) if body.get("punish") == "deny" else None
