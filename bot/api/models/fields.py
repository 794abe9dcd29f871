"""Types of fields, and the bases of all models."""

import re
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from yarl import URL

MAX_COUNT = 10**12
MAX_ITEMS = 20  # counts, links and labels of a run
CRON_FIELDS = 5
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)

SLUG = re.compile(r"[a-z0-9_-]{1,60}")
CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
SLUG_PATTERN = f"^{SLUG.pattern}$"
ID_PATTERN = f"^{CLIENT_ID.pattern}$"
_HTTP = re.compile(r"https?://[^\s<>\"]+")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("takes one line of printable text")
    return text


def _http(text: str) -> str:
    try:
        plain = _HTTP.fullmatch(text) and URL(text).host
    except ValueError:
        plain = None
    if not plain:
        raise ValueError("takes an http:// or https:// address")
    return text


def zone_name(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("takes an IANA time zone such as Asia/Shanghai") from None
    return name


def cron_line(line: str) -> str:
    try:
        CronSim(line, ANY_TIME)
    except (CronSimError, ValueError):
        raise ValueError("takes five cron fields such as 0 3 * * *") from None
    if len(line.split()) != CRON_FIELDS:
        raise ValueError("takes five cron fields such as 0 3 * * *")
    return line


def _whole(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("takes a whole number")  # noqa: TRY004 - pydantic wants a ValueError
    return value


def _time(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("takes a time such as 2026-12-01T03:00:00Z")  # noqa: TRY004
    return value


Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
ClientId = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_printable)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_printable)]
Text = Annotated[str, StringConstraints(max_length=2_000)]
Time = Annotated[AwareDatetime, BeforeValidator(_time)]
Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[Whole, Field(ge=0, le=MAX_COUNT)]
Address = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_http)]
Seconds = Annotated[float, BeforeValidator(_whole), Field(gt=0, le=366 * 86_400, allow_inf_nan=False)]


class Body(BaseModel):
    """A body whose unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Answer(BaseModel):
    """An answer."""

    model_config = ConfigDict(frozen=True)


class ProblemAnswer(Answer):
    """A problem document (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""


class NoQuery(Body):
    """No parameters."""
