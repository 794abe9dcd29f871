"""Validation and rendering of robot messages (`msgKey`, `msgParam`). Pure functions.

Sources: "0699-robot-message-type", "0716-the-robot-sends-a-group-message", "0714-chatbots-send-one-on-one-
chat-messages-in-batches".
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dingtalk_sandbox.conversations import Rendering
from dingtalk_sandbox.errors import Json, api_error

MAX_PARAM_BYTES = 15_000
"""Size limit of `msgParam`."""

FILE_TYPES = frozenset({"xlsx", "pdf", "zip", "rar", "doc", "docx"})
"""Documented file types of `sampleFile`. Bots send others, and they arrive."""

MAX_USERS = 20
"""Maximum recipients of one `batchSend`."""

MAX_QUERY_KEYS = 20
"""Maximum messages of one recall."""

INVALID_PARAM_CODE = "invalidParameter.msgParam.invalid"
UNSUPPORTED_CODE = "invalidParameter.msg.unsupport"  # codespell:ignore unsupport


@dataclass(frozen=True, kw_only=True)
class MsgKey:
    """A message template: its required string fields and its rendering."""

    required: Mapping[str, str]  # each field with the code if it is missing
    render: Callable[[Json], Rendering]


def _text(p: Json) -> Rendering:
    return Rendering(kind="text", content={"msgtype": "text", "text": p["content"]})


def _markdown(p: Json) -> Rendering:
    """Render a text. The page has a title beside it; its error codes ask for the text only, as clients do."""
    title = p.get("title", "")
    return Rendering(kind="markdown", content={"msgtype": "markdown", "title": title, "text": p["text"]})


def _image(p: Json) -> Rendering:
    return Rendering(
        kind="markdown", content={"msgtype": "image", "title": "[图片]", "text": f"![]({p['photoURL']})"}
    )


def _link(p: Json) -> Rendering:
    buttons = [{"text": p["title"], "url": p["messageUrl"]}]
    content = {"msgtype": "link", "title": p["title"], "text": p["text"], "picUrl": p.get("picUrl", "")}
    return Rendering(kind="action_card", content=content | {"buttons": buttons})


def _action_card(*pairs: tuple[str, str], orientation: str = "0") -> MsgKey:
    def render(p: Json) -> Rendering:
        buttons = [{"text": p[title], "url": p[url]} for title, url in pairs]
        content = {
            "msgtype": "actionCard",
            "title": p["title"],
            "text": p["text"],
            "orientation": orientation,
        }
        return Rendering(kind="action_card", content=content | {"buttons": buttons})

    required = {"title": "miss.param.actionCardTotitle", "text": "miss.param.actionCardTotext"}
    for title, url in pairs:
        of_list = title != "singleTitle"
        required[title] = f"miss.param.actionCardTo{'btnsTotitle' if of_list else title}"
        required[url] = f"miss.param.actionCardTo{'btnsToactionUrl' if of_list else 'singleUrl'}"
    return MsgKey(required=required, render=render)


def _numbered_action_card(count: int) -> MsgKey:
    return _action_card(*((f"actionTitle{i}", f"actionURL{i}") for i in range(1, count + 1)))


def _file(p: Json) -> Rendering:
    content = {"msgtype": "file", "fileType": p["fileType"]}
    return Rendering(kind="file", content=content, media_id=p["mediaId"], file_name=p["fileName"])


def _audio(p: Json) -> Rendering:
    content = {"msgtype": "audio", "duration": p["duration"]}
    return Rendering(kind="file", content=content, media_id=p["mediaId"])


def _video(p: Json) -> Rendering:
    if p["videoType"].lower() != "mp4":
        raise api_error(UNSUPPORTED_CODE, f"videoType {p['videoType']} is not supported")
    content = {"msgtype": "video", "duration": p["duration"]}
    return Rendering(kind="file", content=content, media_id=p["videoMediaId"])


MSG_KEYS: dict[str, MsgKey] = {
    "sampleText": MsgKey(required={"content": "miss.param.contentOfText"}, render=_text),
    "sampleMarkdown": MsgKey(
        required={"text": "miss.param.markdownTotext"},
        render=_markdown,
    ),
    "sampleImageMsg": MsgKey(required={"photoURL": "miss.param.photoTophotoUrl"}, render=_image),
    "sampleLink": MsgKey(
        required={
            "text": "miss.param.textOfLink",
            "title": "miss.param.titleOfLink",
            "messageUrl": "miss.param.messageUrlOfLink",
        },
        render=_link,
    ),
    "sampleActionCard": _action_card(("singleTitle", "singleURL")),
    **{f"sampleActionCard{n}": _numbered_action_card(n) for n in range(2, 6)},
    "sampleActionCard6": _action_card(
        ("buttonTitle1", "buttonUrl1"), ("buttonTitle2", "buttonUrl2"), orientation="1"
    ),
    "sampleAudio": MsgKey(required=dict.fromkeys(("mediaId", "duration"), "miss.param.audio"), render=_audio),
    "sampleFile": MsgKey(
        required=dict.fromkeys(("mediaId", "fileName", "fileType"), "miss.param.file"), render=_file
    ),
    "sampleVideo": MsgKey(
        required=dict.fromkeys(("duration", "videoMediaId", "videoType", "picMediaId"), "miss.param.video"),
        render=_video,
    ),
}


def is_documented(file_type: str) -> bool:
    """Return True for a file type that the page names."""
    return file_type.lower() in FILE_TYPES


def param_size(body: Json) -> int:
    param = body.get("msgParam")
    return len(param.encode("utf-8", "replace")) if isinstance(param, str) else 0


def parse_message(body: Json) -> Rendering:
    """Validate and render `{msgKey, msgParam}`. Raises `ApiError`."""
    key, param = body.get("msgKey"), body.get("msgParam")
    if not key:
        raise api_error("invalidParameter.msgKey.empty", "msgKey不能为空")
    form = MSG_KEYS.get(key) if isinstance(key, str) else None
    if form is None:
        raise api_error("invalidParameter.msgKey.invalid", "无效的msgKey")
    if not isinstance(param, str):
        raise api_error(INVALID_PARAM_CODE, "msgParam必须是JSON字符串")
    if param_size(body) > MAX_PARAM_BYTES:
        raise api_error("invalidParameter.msgParam.tooLong", "msgParam超过15000字节")
    values = _parse_object(param)
    for name, code in form.required.items():
        if values.get(name) is None or values[name] == "":
            raise api_error(code, f"缺少{name}")
    if not all(isinstance(value, str) for value in values.values()):
        raise api_error(INVALID_PARAM_CODE, "msgParam的值必须是字符串")
    return form.render(values)


def _parse_object(text: str) -> Json:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise api_error(INVALID_PARAM_CODE, "msgParam不是合法的JSON") from None
    if not isinstance(value, dict):
        raise api_error(INVALID_PARAM_CODE, "msgParam不是JSON对象")
    return value


def parse_strings(value: object, limit: int) -> list[str] | None:
    """Return the value if it is a list of 1 to `limit` non-empty strings, else None."""
    if not isinstance(value, list) or not 0 < len(value) <= limit:
        return None
    return value if all(isinstance(v, str) and v for v in value) else None
