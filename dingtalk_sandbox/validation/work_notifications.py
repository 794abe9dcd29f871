"""Validation of work notifications ("0775-message-types-and-data-format", "0769"). Pure functions."""

import json
from collections.abc import Callable
from typing import Any

from dingtalk_sandbox.conversations import Rendering
from dingtalk_sandbox.errors import Json, oapi_error

MAX_MSG_BYTES = 2048
"""Size limit of `msg`."""

MAX_USERS = 100
"""Maximum length of `userid_list`."""

MAX_PER_PERSON_PER_DAY = 500
"""Maximum notifications from one app to one person per day."""

MAX_TO_ALL_PER_DAY = 3


def _require(part: Json, *names: str) -> Json:
    if any(not isinstance(part.get(name), str) or not part[name] for name in names):
        raise oapi_error(40035, f"不合法的参数 msg: 缺少 {'/'.join(names)}")
    return part


def _text(p: Json) -> Rendering:
    return Rendering(kind="work_notice", content={"text": _require(p, "content")["content"]})


def _markdown(p: Json) -> Rendering:
    _require(p, "title", "text")
    return Rendering(kind="work_notice", content={"title": p["title"], "text": p["text"]})


def _media(p: Json) -> Rendering:
    return Rendering(kind="work_notice", content={}, media_id=_require(p, "media_id")["media_id"])


def _link(p: Json) -> Rendering:
    _require(p, "messageUrl", "picUrl", "title", "text")
    buttons = [{"text": p["title"], "url": p["messageUrl"]}]
    return Rendering(kind="work_notice", content={"title": p["title"], "text": p["text"], "buttons": buttons})


def _action_card(p: Json) -> Rendering:
    _require(p, "title", "markdown")
    content: Json = {"title": p["title"], "text": p["markdown"]}
    if p.get("single_title"):
        _require(p, "single_title", "single_url")
        content["buttons"] = [{"text": p["single_title"], "url": p["single_url"]}]
        return Rendering(kind="work_notice", content=content)
    listed = p.get("btn_json_list")
    if not isinstance(listed, list) or not listed or not all(isinstance(b, dict) for b in listed):
        raise oapi_error(40035, "不合法的参数 msg: btn_json_list")
    content["orientation"] = str(p.get("btn_orientation") or "0")
    content["buttons"] = [
        {"text": _require(b, "title", "action_url")["title"], "url": b["action_url"]} for b in listed
    ]
    return Rendering(kind="work_notice", content=content)


def _oa(p: Json) -> Rendering:
    head, body = p.get("head"), p.get("body")
    if not isinstance(head, dict) or not isinstance(body, dict):
        raise oapi_error(40035, "不合法的参数 msg: oa 缺少 head/body")
    rows = body["form"] if isinstance(body.get("form"), list) else []
    lines = [f"- {r.get('key', '')} {r.get('value', '')}" for r in rows if isinstance(r, dict)]
    text = "\n".join([str(body.get("content") or ""), *lines]).strip()
    title = str(body.get("title") or head.get("text") or "")
    buttons = [{"text": title, "url": str(p["message_url"])}] if p.get("message_url") else []
    return Rendering(kind="work_notice", content={"title": title, "text": text, "buttons": buttons})


FORMATS: dict[str, Callable[[Json], Rendering]] = {
    "text": _text, "markdown": _markdown, "image": _media, "file": _media, "voice": _media, "link": _link,
    "action_card": _action_card, "oa": _oa,
}  # fmt: skip


def parse_msg(given: Any) -> Json:
    """Parse the `msg` of a call, an object or a JSON string. Raises `ApiError`."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise oapi_error(40035, "不合法的参数 msg") from None
    if not isinstance(given, dict):
        raise oapi_error(40035, "不合法的参数 msg")
    if msg_size(given) > MAX_MSG_BYTES:
        raise oapi_error(34016, f"消息内容过长，msg 不能超过 {MAX_MSG_BYTES} 字节")
    return given


def msg_size(msg: Any) -> int:
    """Return the size in bytes of a message as compact, unescaped JSON."""
    if isinstance(msg, str):
        return len(msg.encode("utf-8", "replace"))
    return len(json.dumps(msg, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def render_msg(msg: Json) -> Rendering:
    """Validate and render a work notification. Raises `ApiError`."""
    kind = msg.get("msgtype")
    part = msg.get(kind) if isinstance(kind, str) else None
    if not isinstance(kind, str) or kind not in FORMATS or not isinstance(part, dict):
        raise oapi_error(40035, "不合法的参数 msgtype")
    rendering = FORMATS[kind](part)
    return Rendering(
        kind=rendering.kind, content={"msgtype": kind} | rendering.content, media_id=rendering.media_id
    )


def parse_ids(value: Any, limit: int) -> list[str]:
    """Split a comma-separated list. Raises `ApiError` if it is longer than `limit`."""
    listed = [part.strip() for part in str(value or "").split(",") if part.strip()]
    if len(listed) > limit:
        raise oapi_error(40035, f"接收者超过 {limit} 个")
    return listed
