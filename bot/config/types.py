"""Building blocks of the settings: sections that refuse unknown keys, and the types of keys."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from bot.models import Destination, DestinationKind

CRON_FIELDS = 5
MAX_PORT = 65_535
HOURS_OF_DAY = 24
MIN_SECRET_LENGTH = 16  # characters

_GROUP = re.compile(r"(cid|chat)\S+")
_CONVERSATION = re.compile(r"cid\S+")
_STAFF_ID = re.compile(r"[!-~]{1,64}")  # ASCII without blanks; mobile numbers stand in the same lists
_TOKEN = re.compile(r"[\w-]+", re.ASCII)

_CLOCK = r"((?:[01]?\d|2[0-3]):[0-5]\d|24:00)"
_HOURS = re.compile(rf"{_CLOCK} ?[-–] ?{_CLOCK}")
_SAFE_BASE = re.compile(
    r"(https://([\w.-]+|\[[\da-f:]+])|http://(127\.0\.0\.1|localhost|\[::1]))(:\d+)?(/\S*)?", re.IGNORECASE
)
_PUBLIC = re.compile(r"https?://([\w.-]+|\[[\da-f:]+])(:\d+)?(/[\w./~-]*)?", re.IGNORECASE | re.ASCII)


def nearest(name: str, known: Sequence[str]) -> str:
    """Return the most similar known name, or "" if none is similar."""
    return next(iter(difflib.get_close_matches(name, known, n=1)), "")


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Suggest the most similar known name, to be appended to an error. "" if none is similar."""
    near = nearest(name, known)
    return f"; did you mean {near}?" if near else ""


def parse_destination(value: object) -> object:
    """Parse `kind:id`. An openConversationId or an old chatId alone is a group."""
    if not isinstance(value, str):
        return value
    if value.startswith(("cid", "chat")) and ":" not in value:
        value = f"group:{value}"
    place = Destination.parse(value)
    if place.kind is DestinationKind.GROUP:
        _group(place.id)
    elif place.is_person:
        _staff_id(place.id)
    return place


def parse_operator(value: object) -> object:
    """Parse a destination, or a URL of Apprise. No error shows the URL."""
    if not isinstance(value, str) or "://" not in value:
        return parse_destination(value)
    if len(value.split()) > 1 or not value.partition("://")[2]:
        raise ValueError("takes a destination such as user:manager01, or a URL of Apprise without blanks")
    return SecretUrl(value)


def _web_url(url: "SecretUrl") -> "SecretUrl":
    scheme, _, rest = url.get_secret_value().partition("://")
    if scheme.lower() not in {"http", "https"} or not rest or len(rest.split()) > 1:
        raise ValueError("takes an https:// or http:// URL, such as https://hc-ping.com/…")
    return url


def _group(id_: str) -> str:
    if id_ and not _GROUP.fullmatch(id_):
        raise ValueError(
            f"takes the id of a group, cid… (or an old chatId, chat…), not its name, got {id_!r}"
        )
    return id_


def _group_key(key: str) -> str:
    """Check a destination, or a group without `group:`."""
    if ":" in key:
        parse_destination(key)
    else:
        _group(key)
    return key


def _conversation(id_: str) -> str:
    if not _CONVERSATION.fullmatch(id_):
        raise ValueError(f"takes the id of a conversation, cid…, not its name, got {id_!r}")
    return id_


def _staff_id(id_: str) -> str:
    if id_ and not _STAFF_ID.fullmatch(id_):
        raise ValueError(f"takes a staffId such as manager01, not a name, got {id_!r}")
    return id_


def _token(token: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError("takes what follows access_token= in the robot's address, and nothing else")
    return token


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < MIN_SECRET_LENGTH:
        raise ValueError(f"takes at least {MIN_SECRET_LENGTH} characters")
    return secret


def _port(value: int) -> int:
    if not 0 < value <= MAX_PORT:
        raise ValueError(f"takes ports from 1 to 65535, got {value}")
    return value


def _base(value: str) -> str:
    if not _SAFE_BASE.fullmatch(value):
        raise ValueError("takes an https:// address (http:// only on loopback): secrets travel over it")
    return value.rstrip("/")


def _public(value: str) -> str:
    if value and not _PUBLIC.fullmatch(value):
        raise ValueError(
            "takes an http:// or https:// address that people reach, such as https://run.example.com"
        )
    return value.rstrip("/")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"must be a time zone such as Asia/Shanghai, got {name!r}") from None
    return name


def _cron(cron: str) -> str:
    try:
        CronSim(cron, datetime.now(UTC))
        why = "" if len(cron.split()) == CRON_FIELDS else "the sixth would be seconds"
    except CronSimError as error:
        why = str(error)
    if why:
        raise ValueError(f"must be five cron fields such as 0 3 * * *, got {cron!r}: {why}")
    return cron


def parse_hours(text: str) -> tuple[time, time]:
    """Parse hours of the day such as 22:00-08:00. Raises `ValueError` that names the accepted form."""
    found = _HOURS.fullmatch(text.strip())
    hours = [_clock(word) for word in found.groups()] if found else []
    if not hours or hours[0] == hours[1]:
        raise ValueError(f"takes hours of the day such as 22:00-08:00, got {text!r}")
    return hours[0], hours[1]


def _clock(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(int(hour) % HOURS_OF_DAY, int(minute))


def _hours(text: str) -> str:
    if text:
        parse_hours(text)
    return text


def _refuse(takes: str, *kinds: type) -> BeforeValidator:
    """Reject values that would be misread: `true` as 1, a number as seconds since 1970."""

    def check(value: object) -> object:
        if isinstance(value, kinds):
            raise ValueError(f"{takes}, got {value!r}")  # noqa: TRY004 - pydantic wants a ValueError
        return value

    return BeforeValidator(check)


@dataclass(frozen=True)
class Kind:
    """Words for a type of setting, as the reference of the settings shows them."""

    en: str
    zh: str


class SecretUrl(SecretStr):
    """A URL that is a secret as a whole: its user, path and query are keys."""


SECONDS = Kind("seconds", "秒")

DestinationField = Annotated[Destination, BeforeValidator(parse_destination), Kind("destination", "投递目标")]
GroupId = Annotated[str, AfterValidator(_group), Kind("group id", "群 id")]
GroupKey = Annotated[str, AfterValidator(_group_key), Kind("group id", "群 id")]
ConversationId = Annotated[str, AfterValidator(_conversation), Kind("conversation id", "会话 id")]
StaffId = Annotated[str, AfterValidator(_staff_id), Kind("staffId", "staffId")]
Person = Annotated[StaffId, Kind("staffId or mobile number", "staffId 或手机号")]
KeySecret = Annotated[
    SecretStr,
    AfterValidator(_long_enough),
    Kind("secret of 16 characters or more", "至少 16 个字符的密钥"),
]
RobotToken = Annotated[SecretStr, AfterValidator(_token), Kind("secret", "密钥")]
WebUrl = Annotated[SecretUrl, AfterValidator(_web_url), Kind("http or https address", "http 或 https 地址")]
Operator = Annotated[
    Destination | SecretUrl,
    BeforeValidator(parse_operator),
    Kind("destination or Apprise URL", "投递目标或 Apprise 地址"),
]
Hours = Annotated[str, AfterValidator(_hours), Kind("hours", "时段")]
Target = Annotated[str, Kind("target", "目标")]
CronLine = Annotated[str, AfterValidator(_cron)]
ZoneName = Annotated[str, AfterValidator(_zone), Kind("IANA time zone", "IANA 时区名")]
Whole = Annotated[int, _refuse("must be a whole number", bool), Kind("whole number", "整数")]
Seconds = Annotated[
    float,
    _refuse("must be a number", bool),
    Field(gt=0, allow_inf_nan=False),
    SECONDS,
]
Port = Annotated[Whole, AfterValidator(_port), Kind("port", "端口")]
Base = Annotated[str, AfterValidator(_base), Kind("https address", "https 地址")]
PublicUrl = Annotated[str, AfterValidator(_public), Kind("http or https address", "http 或 https 地址")]
Time = Annotated[
    datetime, _refuse("must be a time such as 2026-12-01 03:00", int, float), Kind("time", "时间")
]


class Section(BaseModel):
    """A section of the settings. Unknown keys are errors, and an empty value counts as absent."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", coerce_numbers_to_str=True, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _blank_is_absent(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return {} if values is None else values
        return {key: value for key, value in values.items() if value is not None}


class UpperSection(Section):
    """A section whose keys are written in capitals, as in the settings of ARL."""

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {str(key).lower(): value for key, value in values.items() if value is not None and value != ""}


def sections_in(annotation: Any) -> tuple[type[BaseModel], ...]:
    """Return the section that an annotation stands for, or all of those that `kind` chooses among."""
    if get_origin(annotation) is Annotated:
        return sections_in(get_args(annotation)[0])
    kinds = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    return tuple(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
