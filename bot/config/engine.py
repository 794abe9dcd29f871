"""The `engine` section of the settings: one class for each kind of engine, and `kind` chooses among them.

A new engine adds its class here, to `EngineSettings`, and the function that opens it to
`bot/wiring/engines.py`.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator

from bot.address_policy import DEFAULT_REFUSED, AddressPolicy
from bot.config.types import Port, Seconds, Section, Whole, ZoneName
from bot.models import EXTERNAL

_ARL_URL = re.compile(r"https?://[^\s/@]+(/api)?/?", re.IGNORECASE)
_MONGO = re.compile(r"mongodb(\+srv)?://\S+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ENGINE_NAME = re.compile(r"[a-z0-9_-]{1,30}")
DEFAULT_KIND = "embedded"


class EngineSection(Section):
    """Base of the settings of an engine."""

    label: ClassVar[str] = ""  # name of the engine in messages, where it has schedules of its own

    @property
    def has_own_schedules(self) -> bool:
        """Tell if schedules live in the engine. Otherwise they are in `schedules`."""
        return bool(self.label)

    @property
    def place(self) -> str:
        """Return where the engine is, for the first line of the log."""
        return ""

    @property
    def discovery_limits(self) -> tuple[timedelta, timedelta]:
        """Return the maximum age of a run that is notified, and how far the first discovery looks back."""
        return timedelta(days=1), timedelta(days=7)


class EmbeddedSettings(EngineSection):
    """The built-in engine."""

    kind: Literal["embedded"] = Field(
        "embedded",
        description="Where tasks run. `embedded` is built in, `arl` is [a running ARL](arl.md).",
        examples=["arl"],
    )
    concurrency: Whole = Field(4, ge=1, le=64, description="Tasks at once.", examples=[8])
    connections: Whole = Field(64, ge=1, le=1024, description="Connections at once.", examples=[128])
    connect_timeout: Seconds = Field(3.0, description="Timeout of one connection.", examples=[1.5])
    http_timeout: Seconds = Field(8.0, description="Timeout of one page.", examples=[15])
    task_timeout: Seconds = Field(120.0, description="Timeout of one target.", examples=[600])
    max_hosts: Whole = Field(
        256, ge=1, le=65536, description="Biggest network that is scanned, in hosts.", examples=[1024]
    )
    ports: tuple[Port, ...] = Field(
        (80, 443, 8080, 8443),
        description="Ports of schedules that name none.",
        examples=[[22, 443]],
    )
    refuse: tuple[str, ...] = Field(
        DEFAULT_REFUSED,
        description="Addresses and networks that are never contacted, compared with the resolved address."
        " A list of your own replaces the default: link-local, cloud metadata, multicast.",
        examples=[["169.254.0.0/16"]],
    )

    @field_validator("refuse")
    @classmethod
    def _networks(cls, refused: tuple[str, ...]) -> tuple[str, ...]:
        AddressPolicy.parse(refused)
        return refused


class ArlSettings(EngineSection):
    """A running ARL. Without `mongo_uri` it is read by its API alone."""

    label: ClassVar[str] = "ARL"

    kind: Literal["arl"]
    url: str = Field(description="Address of ARL.", examples=["https://arl.example.com:5003"])
    api_key: SecretStr = Field(description="`ARL.API_KEY` of ARL's own settings.", examples=["…"])
    basic_auth: SecretStr | None = Field(
        None, description="user:password that a proxy before ARL asks for.", examples=["admin:…"]
    )
    ca_file: str = Field(
        "",
        description="PEM file of the only certificates that are trusted, and of those they have signed."
        " Set either this or `fingerprint`.",
        examples=["/etc/dingrun/arl.pem"],
    )
    fingerprint: str = Field(
        "",
        description="SHA-256 of the only certificate that is trusted, 64 hex digits. Set either this or"
        " `ca_file`.",
        examples=["0" * 64],
    )
    mongo_uri: SecretStr | None = Field(
        None,
        description="ARL's database, read only. Without it ARL is read by its API alone.",
        examples=["mongodb://dingrun:…@arl.example.com:27017/arl"],
    )
    mongo_db: str = Field(
        "arl",
        min_length=1,
        description="Database of ARL where mongo_uri names none.",
        examples=["ARLV2"],
    )
    timezone: ZoneName = Field(
        "Asia/Shanghai",
        description="Time zone of ARL's containers. The times that ARL writes name none.",
        examples=["UTC"],
    )
    task_limit: Seconds = Field(
        259_200.0,
        description="Time after which a task of ARL is given up. It counts as missing then.",
        examples=[604_800],
    )
    notify_max_age: Seconds = Field(
        86_400.0,
        description="Runs of ARL that ended longer ago are recorded without a notification.",
        examples=[3600],
    )
    initial_lookback: Seconds = Field(
        604_800.0,
        description="How far the very first start looks back. What has ended by then is recorded without a"
        " notification.",
        examples=[2_592_000],
    )

    @property
    def place(self) -> str:
        return self.url

    @property
    def discovery_limits(self) -> tuple[timedelta, timedelta]:
        return timedelta(seconds=self.notify_max_age), timedelta(seconds=self.initial_lookback)

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        if not _ARL_URL.fullmatch(url):
            raise ValueError("takes the address of ARL, such as https://arl.example.com:5003")
        return url.rstrip("/").removesuffix("/api")

    @field_validator("basic_auth")
    @classmethod
    def _pair(cls, pair: SecretStr | None) -> SecretStr | None:
        if pair and ":" not in pair.get_secret_value():
            raise ValueError("takes user:password")
        return pair

    @field_validator("mongo_uri")
    @classmethod
    def _scheme(cls, uri: SecretStr | None) -> SecretStr | None:
        if uri and not _MONGO.fullmatch(uri.get_secret_value()):
            raise ValueError("takes mongodb://[USER:PASSWORD@]HOST:27017/")
        return uri

    @field_validator("fingerprint")
    @classmethod
    def _digest(cls, digest: str) -> str:
        plain = digest.replace(":", "").lower()
        if plain and not _SHA256.fullmatch(plain):
            raise ValueError(f"takes the SHA-256 of the certificate, 64 hex digits, got {digest!r}")
        return plain

    @field_validator("ca_file")
    @classmethod
    def _file(cls, name: str) -> str:
        if name and not Path(name).is_file():
            raise ValueError(f"takes a file of certificates, and there is no {name}")
        return name

    @model_validator(mode="after")
    def _one_pin(self) -> "ArlSettings":
        if self.ca_file and self.fingerprint:
            raise ValueError("takes ca_file or fingerprint, not both")
        if (self.ca_file or self.fingerprint) and not self.url.startswith("https://"):
            raise ValueError("pins a certificate, so engine.url must begin with https://")
        return self


def _engine_name(name: str) -> str:
    if not _ENGINE_NAME.fullmatch(name) or name == EXTERNAL:
        raise ValueError(f"takes names of a-z, 0-9, _ and -, but not {EXTERNAL}, got {name!r}")
    return name


EngineName = Annotated[str, AfterValidator(_engine_name)]
AnyEngine = EmbeddedSettings | ArlSettings


def _choose(values: Any) -> Any:
    """Fill in the default kind, and drop the keys of the other kinds: they have no effect.

    `config.yaml` lists the keys of every kind, and one word in it changes the engine.
    """
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        return values
    kind = DEFAULT_KIND if values.get("kind") is None else values["kind"]
    own = next((each for each in get_args(AnyEngine) if kind in _kinds(each)), None)
    if own is None:
        return {**values, "kind": kind}
    others = {key for each in get_args(AnyEngine) for key in each.model_fields} - own.model_fields.keys()
    return {key: value for key, value in values.items() if key not in others} | {"kind": kind}


def _kinds(section: type[EngineSection]) -> tuple[str, ...]:
    return get_args(section.model_fields["kind"].annotation)


EngineSettings = Annotated[AnyEngine, Field(discriminator="kind"), BeforeValidator(_choose)]
"""The settings of the engine that `kind` names."""
