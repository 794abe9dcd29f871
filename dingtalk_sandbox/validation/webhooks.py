"""Validation of webhook messages: formats, signature, keywords and mentions. Pure functions.

Sources: "0717-custom-robots-send-group-messages", "guide-0082", "0699-robot-message-type".
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from dingtalk_sandbox.conversations import Rendering
from dingtalk_sandbox.errors import ApiError, Json, oapi_error

MAX_MESSAGE_BYTES = 20_000
"""Size limit of a message. Documented only by DingTalk's error text."""

MAX_MENTIONS = 50
"""Maximum length of `at.atUserIds`."""

SIGN_WINDOW_MS = 3_600_000
"""Maximum distance between the signature's timestamp and the clock."""


def _require(part: Any, kind: str, *names: str) -> Json:
    """Return `part` if the named fields are non-empty strings. Raises `ApiError`."""
    if not isinstance(part, dict):
        raise oapi_error(40035, f"缺少参数 {kind}")
    for name in names:
        if not isinstance(part.get(name), str) or not part[name]:
            raise oapi_error(40035, f"缺少参数 {kind}->{name}")
    return part


def _text(part: Any) -> Rendering:
    return Rendering(
        kind="text", content={"msgtype": "text", "text": _require(part, "text", "content")["content"]}
    )


def _markdown(part: Any) -> Rendering:
    p = _require(part, "markdown", "title", "text")
    return Rendering(kind="markdown", content={"msgtype": "markdown", "title": p["title"], "text": p["text"]})


def _link(part: Any) -> Rendering:
    p = _require(part, "link", "title", "text", "messageUrl")
    content = {
        "msgtype": "link",
        "title": p["title"],
        "text": p["text"],
        "picUrl": str(p.get("picUrl") or ""),
    }
    return Rendering(
        kind="action_card", content=content | {"buttons": [{"text": p["title"], "url": p["messageUrl"]}]}
    )


def _action_card(part: Any) -> Rendering:
    p = _require(part, "actionCard", "title", "text")
    content = {"msgtype": "actionCard", "title": p["title"], "text": p["text"]}
    content["orientation"] = str(p.get("btnOrientation") or "0")
    if p.get("singleTitle") and p.get("singleURL"):
        one = _require(p, "actionCard", "singleTitle", "singleURL")
        return Rendering(
            kind="action_card", content=content | {"buttons": [_button(one, "singleTitle", "singleURL")]}
        )
    btns = _require_list(p.get("btns"), "actionCard->btns")
    buttons = [
        _button(_require(b, "actionCard->btns", "title", "actionURL"), "title", "actionURL") for b in btns
    ]
    return Rendering(kind="action_card", content=content | {"buttons": buttons})


def _feed_card(part: Any) -> Rendering:
    links = _require_list(_require(part, "feedCard").get("links"), "feedCard->links")
    needed = [_require(one, "feedCard->links", "title", "messageURL", "picURL") for one in links]
    content = {"msgtype": "feedCard", "title": needed[0]["title"], "text": ""}
    buttons = [_button(one, "title", "messageURL") for one in needed]
    return Rendering(kind="action_card", content=content | {"buttons": buttons})


def _button(part: Json, title: str, url: str) -> Json:
    return {"text": part[title], "url": part[url]}


def _require_list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise oapi_error(40035, f"缺少参数 {name}")
    return value


FORMATS: dict[str, Callable[[Any], Rendering]] = {
    "text": _text,
    "markdown": _markdown,
    "link": _link,
    "actionCard": _action_card,
    "feedCard": _feed_card,
}


def parse_message(body: Json) -> Rendering:
    """Validate and render a webhook message. Raises `ApiError`."""
    kind = body.get("msgtype")
    if not isinstance(kind, str) or not kind:
        raise oapi_error(40035, "缺少参数 msgtype")
    if kind not in FORMATS:
        raise oapi_error(400105, f"unsupported msgtype {kind}")
    return FORMATS[kind](body.get(kind))


def check_size(raw: bytes) -> None:
    """Raise `ApiError` if the message is too long."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise oapi_error(460101, f"message too long, exceed {MAX_MESSAGE_BYTES} bytes")


SECURITY_ERRCODE = 310000
HELP_TEXT = "link:请参考本接口对应文档获得具体要求，或者在https://open.dingtalk.com/document/  搜索相关文档;"
SIGN, TIMESTAMP, KEYWORD = "sign", "stamp", "keyword"
WORDINGS = {  # reason → current text, text documented in "0717"
    SIGN: (
        "description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中，"
        f"请确认机器人的密钥加密和填写正确;{HELP_TEXT}",
        "sign not match",
    ),
    TIMESTAMP: (
        "description:机器人发送签名过期;solution:签名生成时间和发送时间请保持在 timestampms 以内;"
        f"{HELP_TEXT}",
        "invalid timestamp",
    ),
    KEYWORD: (
        f"description:关键词不匹配;solution:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;{HELP_TEXT}",
        "keywords not in content",
    ),
}


def security_error(what: str, wording: str) -> ApiError:
    """Build error 310000 with the text of `wording`, "today" or "old"."""
    return oapi_error(SECURITY_ERRCODE, WORDINGS[what][wording == "old"])


def signature(secret: str, timestamp: str) -> str:
    """Return the signature, not URL-encoded."""
    mac = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def check_signature(secret: str, query: Mapping[str, str], now_ms: int, wording: str) -> None:
    """Raise `ApiError` 310000 for a wrong timestamp or signature. The timestamp is checked first.

    With the current wording, a missing timestamp counts as a wrong signature.
    """
    stamp = query.get("timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()):
        raise security_error(TIMESTAMP if wording == "old" else SIGN, wording)
    if abs(int(stamp[:20]) - now_ms) > SIGN_WINDOW_MS:
        raise security_error(TIMESTAMP, wording)
    if not hmac.compare_digest(
        signature(secret, stamp).encode(), query.get("sign", "").encode("utf-8", "replace")
    ):
        raise security_error(SIGN, wording)


def check_keywords(keywords: tuple[str, ...], rendering: Rendering, wording: str) -> None:
    """Raise `ApiError` 310000 if the message contains none of the keywords."""
    words = " ".join(str(rendering.content.get(name, "")) for name in ("title", "text"))
    if keywords and not any(k in words for k in keywords):
        raise security_error(KEYWORD, wording)


def resolve_mentions(body: Json, text: str, people: Iterable[tuple[str, str, str]]) -> Json:
    """Resolve mentions. A user is notified only if mentioned in both the list and the text.

    `people` are (userId, name, mobile). Returns `{"rings": [userId …], "silent": [userId …], "all": bool}`.
    """
    at = body.get("at")
    if at is None:
        return {"rings": [], "silent": [], "all": False}
    if not isinstance(at, dict):
        raise oapi_error(40035, "不合法的参数 at")
    ids, mobiles = _parse_strings(at.get("atUserIds")), _parse_strings(at.get("atMobiles"))
    if len(ids) > MAX_MENTIONS:
        raise oapi_error(40035, f"atUserIds exceed {MAX_MENTIONS}")
    listed = [(id_, mobile) for id_, _, mobile in people if id_ in ids or (mobile and mobile in mobiles)]
    rings = [id_ for id_, mobile in listed if f"@{id_}" in text or (mobile and f"@{mobile}" in text)]
    everyone = at.get("isAtAll") in {True, "true"} if isinstance(at.get("isAtAll"), bool | str) else False
    return {"rings": rings, "silent": [id_ for id_, _ in listed if id_ not in rings], "all": everyone}


def _parse_strings(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(v, str | int) for v in value):
        raise oapi_error(40035, "不合法的参数 at")
    return [str(v) for v in value]


def is_over_rate(sent: Iterable[datetime], now: datetime, per_minute: int) -> bool:
    """Return True if one more message would exceed the limit of the last minute."""
    return bool(per_minute) and sum(1 for at in sent if (now - at).total_seconds() < 60) >= per_minute  # noqa: PLR2004 - seconds per minute
