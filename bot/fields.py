"""What settings are made of: sections that refuse what they do not know, and the types of their keys."""

import re
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.models import Destination

HIGHEST_PORT = 65_535

_SAFE_BASE = re.compile(
    r"(https://([\w.-]+|\[[\da-f:]+])|http://(127\.0\.0\.1|localhost|\[::1]))(:\d+)?(/\S*)?", re.IGNORECASE
)
_PUBLIC = re.compile(r"https?://([\w.-]+|\[[\da-f:]+])(:\d+)?(/[\w./~-]*)?", re.IGNORECASE | re.ASCII)


def place_of(value: object) -> object:
    """`kind:id`; an openConversationId or an old chatId alone is a group."""
    if not isinstance(value, str):
        return value
    if value.startswith(("cid", "chat")) and ":" not in value:
        value = f"group:{value}"
    return Destination.parse(value)


def _port(value: int) -> int:
    if not 0 < value <= HIGHEST_PORT:
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


def _refuse(takes: str, *kinds: type) -> BeforeValidator:
    """Refuse what would be taken for something else: `true` for 1, a number for seconds since 1970."""

    def check(value: object) -> object:
        if isinstance(value, kinds):
            raise ValueError(f"{takes}, got {value!r}")  # noqa: TRY004 - pydantic wants a ValueError
        return value

    return BeforeValidator(check)


Place = Annotated[Destination, BeforeValidator(place_of)]
ZoneName = Annotated[str, AfterValidator(_zone)]
Whole = Annotated[int, _refuse("must be a whole number", bool)]
Seconds = Annotated[float, _refuse("must be a number", bool), Field(gt=0, allow_inf_nan=False)]
Port = Annotated[Whole, AfterValidator(_port)]
Base = Annotated[str, AfterValidator(_base)]
PublicUrl = Annotated[str, AfterValidator(_public)]
Time = Annotated[datetime, _refuse("must be a time such as 2026-12-01 03:00", int, float)]


class Section(BaseModel):
    """A part of the tree; unknown keys are errors, and an empty value is as good as none."""

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
    """A part whose keys are written in capitals, as ARL's settings have them."""

    @model_validator(mode="before")
    @classmethod
    def _any_case(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {str(key).lower(): value for key, value in values.items() if value is not None and value != ""}
