"""Validation of work notifications ("0775-message-types-and-data-format", "0769"). Pure functions."""

import json
import re
from collections.abc import Callable
from typing import Any

from dingtalk_sandbox.conversations import Rendering
from dingtalk_sandbox.errors import Json, oapi_error

PARAMETER = re.compile(r"\$\{(\w{1,100})\}")

MAX_MSG_BYTES = 2048
"""Size limit of `msg`."""

MAX_USERS = 100
"""Maximum length of `userid_list`."""

MAX_PER_PERSON_PER_DAY = 500
"""Maximum notifications from one app to one person per day."""

MAX_TO_ALL_PER_DAY = 3

MAX_FILE_BYTES = 10 * 1024 * 1024
"""Size limit of a file that a notification names. Uploads may be larger."""

MAX_VOICE_SECONDS = 60

MAX_STATUS_RECEIVERS = 5
"""Maximum length of `userid_list` for a notification with a status bar."""

MAX_BUTTONS_CHARS = 1000
"""Size limit of `btn_json_list`, as JSON."""
MAX_LENGTHS = {"single_title": 20, "single_url": 500, "title": 20, "action_url": 700}
"""Size limits of buttons, in characters."""


def _require(part: Json, *names: str) -> Json:
    if any(not isinstance(part.get(name), str) or not part[name] for name in names):
        raise oapi_error(40035, f"不合法的参数 msg: 缺少 {'/'.join(names)}")
    return part


def _text(p: Json) -> Rendering:
    return Rendering(kind="work_notice", content={"text": _require(p, "content")["content"]})


def _markdown(p: Json) -> Rendering:
    _require(p, "title", "text")
    return Rendering(kind="work_notice", content={"title": p["title"], "text": p["text"]})


def _voice(p: Json) -> Rendering:
    duration = p.get("duration")
    digits = isinstance(duration, str) and duration.isascii() and duration.isdigit()
    if not digits or not 0 < int(str(duration)[:9]) < MAX_VOICE_SECONDS:
        raise oapi_error(40035, "不合法的参数 msg: voice->duration")
    return _media(p)


def _media(p: Json) -> Rendering:
    return Rendering(kind="work_notice", content={}, media_id=_require(p, "media_id")["media_id"])


def _link(p: Json) -> Rendering:
    _require(p, "messageUrl", "picUrl", "title", "text")
    buttons = [{"text": p["title"], "url": p["messageUrl"]}]
    return Rendering(kind="work_notice", content={"title": p["title"], "text": p["text"], "buttons": buttons})


def _action_card(p: Json) -> Rendering:
    _require(p, "markdown")
    content: Json = {"title": str(p.get("title") or ""), "text": p["markdown"]}
    if p.get("single_title") or p.get("single_url"):
        _check_button(p, "single_title", "single_url")
        content["buttons"] = [{"text": p["single_title"], "url": p["single_url"]}]
        return Rendering(kind="work_notice", content=content)
    listed = p.get("btn_json_list")
    if not isinstance(listed, list) or not listed or not all(isinstance(b, dict) for b in listed):
        raise oapi_error(40035, "不合法的参数 msg: btn_json_list")
    if len(json.dumps(listed, ensure_ascii=False, separators=(",", ":"))) > MAX_BUTTONS_CHARS:
        raise oapi_error(40035, "不合法的参数 msg: btn_json_list 过长")
    if str(p.get("btn_orientation")) not in {"0", "1"}:
        raise oapi_error(40035, "不合法的参数 msg: btn_orientation")
    for button in listed:
        _check_button(button, "title", "action_url")
    content["orientation"] = str(p["btn_orientation"])
    content["buttons"] = [{"text": b["title"], "url": b["action_url"]} for b in listed]
    return Rendering(kind="work_notice", content=content)


def _check_button(part: Json, *names: str) -> None:
    _require(part, *names)
    if any(len(part[name]) > MAX_LENGTHS[name] for name in names):
        raise oapi_error(40035, f"不合法的参数 msg: {'/'.join(names)} 过长")


def _oa(p: Json) -> Rendering:
    head, body = p.get("head"), p.get("body")
    if not isinstance(head, dict) or not isinstance(body, dict):
        raise oapi_error(40035, "不合法的参数 msg: oa 缺少 head/body")
    _require(p, "message_url")
    _require(head, "bgcolor", "text")
    rows = body["form"] if isinstance(body.get("form"), list) else []
    lines = [f"- {r.get('key', '')} {r.get('value', '')}" for r in rows if isinstance(r, dict)]
    text = "\n".join([str(body.get("content") or ""), *lines]).strip()
    title = str(body.get("title") or head["text"])
    content: Json = {"title": title, "text": text, "buttons": [{"text": title, "url": p["message_url"]}]}
    if p.get("status_bar") is not None:
        content["statusBar"] = parse_status(p["status_bar"])
    return Rendering(kind="work_notice", content=content)


def parse_status(given: Any, *, required: bool = False) -> Json:
    """Parse `{status_value, status_bg}`. The background is black if none is named. Raises `ApiError`."""
    part = given if isinstance(given, dict) else {"status_value": 0}
    value, color = part.get("status_value", ""), part.get("status_bg") or "0xFF000000"
    if not isinstance(value, str) or not isinstance(color, str) or (required and not value):
        raise oapi_error(40035, "不合法的参数 status_value/status_bg")
    return {"text": value, "color": color}


FORMATS: dict[str, Callable[[Json], Rendering]] = {
    "text": _text, "markdown": _markdown, "image": _media, "file": _media, "voice": _voice, "link": _link,
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


def parse_data(given: Any) -> dict[str, str]:
    """Parse the values of a template: JSON text of an object of texts. Raises `ApiError`."""
    try:
        values = json.loads(given) if isinstance(given, str) and given else given or {}
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise oapi_error(40035, "不合法的参数 data")
    return values


def fill(text: str, values: dict[str, str]) -> str:
    """Put values into a text at `${name}`. A name without a value stays (not documented)."""
    return PARAMETER.sub(lambda found: values.get(found[1], found[0]), text)
