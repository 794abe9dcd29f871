"""Validation of card requests, and merging of card updates. Pure functions.

Sources: "0783-create-and-deliver-cards", "0782-interactive-card-update-interface", "0789-…-data-format",
card "01/0004" and "01/0007-event-callback-card".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dingtalk_sandbox.errors import Json, api_error, not_emulated
from dingtalk_sandbox.redaction import is_too_deep

MAX_TRACK_ID_LENGTH = 100
MAX_KEY_BYTES = 100
MAX_DATA_BYTES = 100 * 1024  # of a whole cardParamMap
MAX_SEARCH_LENGTH = 200  # of searchDesc, in characters; the rest is cut off
SEARCH_FIELDS = ("searchIcon", "searchTypeName", "searchDesc")
SPACE_ID_PREFIX = "dtv1.card//"
PINNED = "ONE_BOX"  # the space of cards that are pinned to the top of a conversation
SPACE_PATTERN = re.compile(r"(\w{1,40})\.(\S+)", re.ASCII)
SPACE_MODELS = {
    "IM_GROUP": ("imGroupOpenSpaceModel", "imGroupOpenDeliverModel"),
    "IM_ROBOT": ("imRobotOpenSpaceModel", "imRobotOpenDeliverModel"),
    "IM_SINGLE": ("imSingleOpenSpaceModel", "imSingleOpenDeliverModel"),
    PINNED: ("topOpenSpaceModel", "topOpenDeliverModel"),
}
UNSUPPORTED_SPACES = {"IM", "COOPERATION_FEED", "CO_FEED", "DOC"}  # the last three are deprecated
IGNORED_FIELDS = {"coFeedOpenSpaceModel", "coFeedOpenDeliverModel", "docOpenDeliverModel"}
DELIVER_MODEL_CODE = "param.openDeliverModelError"
PLATFORMS = {"android", "ios", "win", "mac"}


@dataclass(frozen=True, kw_only=True)
class Space:
    kind: str  # a key of SPACE_MODELS
    id: str

    @property
    def key(self) -> str:
        return f"{self.kind}.{self.id}"


def parse_track_id(body: Json) -> str:
    value = body.get("outTrackId")
    if not value:
        raise api_error("param.outTrackIdEmpty")
    if not isinstance(value, str) or len(value) > MAX_TRACK_ID_LENGTH:
        raise api_error("param.invalid", "outTrackId")
    return value


def parse_param_map(given: Any, *, value_limit: int = 0) -> dict[str, str]:
    """Parse `{"cardParamMap": {...}}`. All values must be strings. Raises `ApiError`."""
    if given is None:
        return {}
    values = given.get("cardParamMap", {}) if isinstance(given, dict) else None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise api_error("param.invalid", "cardParamMap")
    for key, value in values.items():
        if not isinstance(value, str):
            raise api_error("MissingStringValue", f"cardParamMap.{key} is not a string")
        if _bytes(key) > MAX_KEY_BYTES or (value_limit and _bytes(value) > value_limit):
            raise api_error("param.invalid", f"cardParamMap.{key[:100]} is too long")
    if map_size(values) > MAX_DATA_BYTES:
        raise api_error("param.invalid", "cardParamMap is too long")
    return dict(values)


def parse_private_data(given: Any, *, value_limit: int = 0) -> dict[str, dict[str, str]]:
    """Parse `{userId: {"cardParamMap": {...}}}`. Raises `ApiError`."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise api_error("param.invalid", "privateData")
    return {user: parse_param_map(part, value_limit=value_limit) for user, part in given.items()}


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def map_size(values: Mapping[str, str]) -> int:
    return sum(_bytes(k) + _bytes(v) for k, v in values.items())


def data_size(body: Json) -> int:
    """Return the size in bytes of the variables in a request."""
    data = body.get("cardData")
    values = data.get("cardParamMap") if isinstance(data, dict) else None
    if not isinstance(values, dict):
        return 0
    return sum(_bytes(str(k)) + _bytes(str(v)) for k, v in values.items())


def parse_spaces(body: Json) -> list[Space]:
    """Parse the spaces to deliver a card to. Raises `ApiError`.

    Several spaces share one prefix, as in `dtv1.card//IM_GROUP.x;IM_ROBOT.y`, or have one each.
    """
    given = body.get("openSpaceId")
    if not given:
        raise api_error("param.openSpaceIdEmpty")
    if not isinstance(given, str) or not given.lstrip().lower().startswith(SPACE_ID_PREFIX):
        raise api_error("param.openSpaceIdInvalid")
    spaces = [_parse_space(one.strip()) for one in given.split(";") if one.strip()]
    if other := sorted({space.kind for space in spaces} - SPACE_MODELS.keys()):
        raise not_emulated(f"openSpaceId {', '.join(other)}")
    return spaces


def _parse_space(text: str) -> Space:
    plain = text[len(SPACE_ID_PREFIX) :] if text.lower().startswith(SPACE_ID_PREFIX) else text
    found = SPACE_PATTERN.fullmatch(plain)
    if found is None or found[1].upper() not in SPACE_MODELS.keys() | UNSUPPORTED_SPACES:
        raise api_error("param.openSpaceIdInvalid")
    return Space(kind=found[1].upper(), id=found[2])


def parse_space_models(body: Json) -> dict[str, Json]:
    """Return the space models of a request by kind. Raises `ApiError`."""
    found = {kind: body[space] for kind, (space, _) in SPACE_MODELS.items() if body.get(space) is not None}
    for model in found.values():
        if not isinstance(model, dict) or not isinstance(model.get("supportForward", False), bool):
            raise api_error("param.openSpaceModelInvalid")
        _check_notification(model.get("notification"))
        _check_search_support(model.get("searchSupport"))
    for kind in {"IM_GROUP", "IM_ROBOT"} & found.keys():
        if "supportForward" not in found[kind]:
            raise api_error("param.openSpaceModelInvalid", "supportForward")
    if PINNED in found and found[PINNED].get("spaceType") != PINNED:
        raise api_error("param.openSpaceModelInvalid", "spaceType")
    return found


def _check_notification(given: Any) -> None:
    part = {} if given is None else given
    if not isinstance(part, dict) or not isinstance(part.get("alertContent") or "", str):
        raise api_error("param.openSpaceModelInvalid", "notification.alertContent")
    if not isinstance(part.get("notificationOff") or False, bool):
        raise api_error("param.openSpaceModelInvalid", "notification.notificationOff")


def _check_search_support(given: Any) -> None:
    """Check `{searchIcon, searchTypeName, searchDesc}`. `searchTypeName` is JSON: a name by language."""
    part = {} if given is None else given
    if not isinstance(part, dict) or not all(isinstance(part.get(key) or "", str) for key in SEARCH_FIELDS):
        raise api_error("param.openSpaceModelInvalid", "searchSupport")
    try:
        names = json.loads(part.get("searchTypeName") or "{}")
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise api_error("param.openSpaceModelInvalid", "searchSupport.searchTypeName is not JSON")


def outside_chat(model: Json) -> Json:
    """Return what a card shows outside its chat: `{alert, silent, search}`."""
    notification, search = model.get("notification") or {}, model.get("searchSupport") or {}
    return {
        "alert": notification.get("alertContent") or headline(model),
        "silent": notification.get("notificationOff") is True,
        "search": (search.get("searchDesc") or "")[:MAX_SEARCH_LENGTH],
    }


def headline(model: Json) -> str:
    """Return the line for the chat list, in any language.

    DingTalk documents both `ZH_CN` and `zh_CN` as keys.
    """
    lines = model.get("lastMessageI18n")
    return str(next(iter(lines.values()), "")) if isinstance(lines, dict) else ""


def parse_deliver_models(body: Json, spaces: list[Space]) -> dict[str, Json]:
    """Return the deliver models of the given spaces by kind. Raises `ApiError`."""
    found: dict[str, Json] = {}
    for kind in {space.kind for space in spaces}:
        model = body.get(SPACE_MODELS[kind][1])
        if model is None:
            raise api_error("param.openDeliverModelEmpty", SPACE_MODELS[kind][1])
        if not isinstance(model, dict):
            raise api_error(DELIVER_MODEL_CODE, SPACE_MODELS[kind][1])
        found[kind] = model
    if "IM_GROUP" in found and not found["IM_GROUP"].get("robotCode"):
        raise api_error(DELIVER_MODEL_CODE, "robotCode")
    if "IM_ROBOT" in found and found["IM_ROBOT"].get("spaceType", "IM_ROBOT") != "IM_ROBOT":
        raise api_error(DELIVER_MODEL_CODE, "spaceType")
    if PINNED in found:
        _check_pin(found[PINNED])
    return found


def parse_expiry(model: Json) -> datetime:
    """Return when a pin ends, from `expiredTimeMillis` in ms. Raises `ApiError`."""
    given = model.get("expiredTimeMillis")
    try:
        if type(given) is int:
            return datetime.fromtimestamp(given / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        pass
    raise api_error(DELIVER_MODEL_CODE, "expiredTimeMillis")


def _check_pin(model: Json) -> None:
    parse_expiry(model)
    for name in ("userIds", "platforms"):
        listed = model.get(name) or []
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise api_error(DELIVER_MODEL_CODE, name)
    if not PLATFORMS.issuperset(model.get("platforms") or []):
        raise api_error(DELIVER_MODEL_CODE, "platforms")


def parse_callback_type(body: Json) -> str:
    kind = str(body.get("callbackType") or "")
    if kind not in {"", "STREAM", "HTTP"} or (kind == "HTTP" and not body.get("callbackRouteKey")):
        raise api_error("param.invalid", "callbackType")
    return kind


def parse_user_id_type(body: Json) -> int:
    kind = body.get("userIdType") or 1
    if type(kind) is not int or kind not in {1, 2}:
        raise api_error("param.invalid", "userIdType")
    return kind


def parse_update_options(given: Any) -> tuple[bool, bool]:
    """Return (updateCardDataByKey, updatePrivateDataByKey). Both default to False."""
    part = given if isinstance(given, dict) else {}
    return part.get("updateCardDataByKey") is True, part.get("updatePrivateDataByKey") is True


def merge_variables(old: Mapping[str, str], new: Mapping[str, str], *, by_key: bool) -> dict[str, str]:
    """Merge an update by key, or replace all variables."""
    return {**old, **new} if by_key else dict(new)


def parse_buttons(variables: Mapping[str, str]) -> list[Json]:
    """Parse the buttons of `sys_full_json_obj`: {id, text, color, url, request, status, params}.

    The id of a button is in `id` or, in some projects, in `params.id`.
    """
    try:
        whole = json.loads(variables.get("sys_full_json_obj") or "{}")
    except (ValueError, RecursionError):
        return []
    if not isinstance(whole, dict) or not isinstance(whole.get("msgButtons"), list):
        return []
    if isinstance(whole.get("order"), list) and "msgButtons" not in whole["order"]:
        return []
    return [_parse_button(b) for b in whole["msgButtons"] if isinstance(b, dict)]


def _parse_button(given: Json) -> Json:
    params = given["params"] if isinstance(given.get("params"), dict) else {}
    button = {
        "id": str(given.get("id") or params.get("id") or ""),
        "text": str(given.get("text") or ""),
        "color": str(given.get("color") or "gray"),
        "request": given.get("request") is True,
        "params": params,
    }
    return button | {name: str(given[name]) for name in ("url", "status") if given.get(name)}


def parse_card_response(ack_data: Any) -> Json:
    """Parse the card response `{"response": {...}}` of an ack's `data`, a JSON string or object."""
    if isinstance(ack_data, str):
        try:
            ack_data = json.loads(ack_data)
        except (ValueError, RecursionError):
            return {}
    inner = ack_data.get("response") if isinstance(ack_data, dict) else None
    return inner if isinstance(inner, dict) and not is_too_deep(inner) else {}
