"""The `api` section of the settings: keys of other systems, and the schedules that they execute."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator
from yarl import URL

from bot.config.types import Kind, Person, Section, Whole
from bot.models import NotifyOn

HASH_PREFIX = "sha256:"
MIN_KEY_LENGTH = 16
_SLUG = re.compile(r"[a-z0-9_-]{1,60}")
_SLUG_PATTERN = re.compile(r"[a-z0-9_*?-]{1,60}")
_KEY = re.compile(rf"[A-Za-z0-9_-]{{{MIN_KEY_LENGTH},128}}|{HASH_PREFIX}[0-9a-f]{{64}}")
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:.]+")


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError(f"takes a slug of a-z, 0-9, _ and -, up to 60 characters, got {text!r}")
    return text


def _slug_pattern(text: str) -> str:
    if not _SLUG_PATTERN.fullmatch(text):
        raise ValueError(f"takes slugs or patterns such as backup-*, got {text!r}")
    return text


def _key(secret: SecretStr) -> SecretStr:
    if not _KEY.fullmatch(secret.get_secret_value()):
        raise ValueError(f"takes a key of {MIN_KEY_LENGTH} characters or more (A-Z a-z 0-9 _ -), or sha256:…")
    return secret


def _host(text: str) -> str:
    if not _HOST.fullmatch(text.lower()):
        raise ValueError(f"takes host names without scheme and port, got {text!r}")
    return text.lower()


Slug = Annotated[str, AfterValidator(_slug)]
SlugPattern = Annotated[str, AfterValidator(_slug_pattern), Kind("slug pattern", "slug 模式")]
Host = Annotated[str, AfterValidator(_host), Kind("host name", "主机名")]
Scope = Literal["report", "read", "act"]


class ApiKeySettings(Section):
    """A key of another system.

    - kind: `ping` stands in URLs, `token` in the header `Authorization: Bearer …`.
    - key: the key, or `sha256:` and its hash, as `dingrun api key NAME` prints it.
    - slugs: the only schedules that it may report.
    - scopes: what a token may do. `report`, `read`, or `act`, which is to start and stop runs.
    - secret: signs the webhooks of GitHub and GitLab, which are refused without it then.
    """

    kind: Literal["ping", "token"] = "token"
    key: Annotated[SecretStr, AfterValidator(_key)]
    slugs: tuple[SlugPattern, ...] = ("*",)
    scopes: tuple[Scope, ...] = ("report",)
    secret: SecretStr | None = None


class RerunSettings(Section):
    """Target of requests to run again or to stop: a URL, or a runner that fetches them."""

    url: str = ""
    secret: SecretStr | None = None
    runner: str = ""

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        if url and (not re.fullmatch(r"https?://\S+", url) or not URL(url).host):
            raise ValueError("takes an http:// or https:// address")
        return url

    @model_validator(mode="after")
    def _one(self) -> "RerunSettings":
        if bool(self.url) == bool(self.runner):
            raise ValueError("takes either url or runner")
        return self


def _as_mapping(value: object) -> object:
    return {} if value is None else value


class ExternalScheduleSettings(Section):
    """A schedule that another system executes."""

    name: str = Field("", max_length=60)
    owner: Person = ""
    notify_on: NotifyOn | None = None
    rerun: RerunSettings | None = None


class ApiSettings(Section):
    keys: dict[str, ApiKeySettings] = Field(
        default_factory=dict,
        description="Keys of other systems that report their runs, by name. Without any there is no API."
        " [What they take](api.md#keys).",
        examples=[{"backup": {"kind": "ping", "key": "sha256:" + "0" * 64, "slugs": ["backup-*"]}}],
    )
    create: bool = Field(
        False,
        description="Whether an unknown schedule comes into being by the first report about it.",
        examples=[True],
    )
    schedules: dict[Slug, Annotated[ExternalScheduleSettings, BeforeValidator(_as_mapping)]] = Field(
        default_factory=dict,
        description="Schedules that other systems execute, by slug. [What they take](api.md#keys).",
        examples=[{"backup-db": {"name": "数据库备份", "rerun": {"runner": "db1"}}}],
    )
    max_schedules: Whole = Field(
        1_000,
        ge=1,
        le=10_000,
        description="Most schedules that come into being by the API.",
        examples=[100],
    )
    rerun_hosts: tuple[Host, ...] = Field(
        (),
        description="The only hosts that requests to run again or to stop are sent to.",
        examples=[["jenkins.example.com"]],
    )
