"""The `engine` section of the settings: where schedules live and tasks run."""

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from bot.address_policy import DEFAULT_REFUSED, AddressPolicy
from bot.fields import Port, Seconds, Section, Whole, ZoneName

_ARL_URL = re.compile(r"https?://[^\s/@]+(/api)?/?", re.IGNORECASE)
_MONGO = re.compile(r"mongodb(\+srv)?://\S+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
ARL_NEEDS = ("url", "api_key")


class ArlSettings(Section):
    """A running ARL beside us; without `mongo_uri` it is read by its API alone."""

    url: str = ""
    api_key: SecretStr | None = None
    basic_auth: SecretStr | None = None
    ca_file: str = ""
    fingerprint: str = ""
    mongo_uri: SecretStr | None = None
    mongo_db: str = Field("arl", min_length=1)
    timezone: ZoneName = "Asia/Shanghai"
    task_limit: Seconds = 259_200.0
    tell_within: Seconds = 86_400.0
    look_back: Seconds = 604_800.0

    @field_validator("url")
    @classmethod
    def _url(cls, url: str) -> str:
        if url and not _ARL_URL.fullmatch(url):
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
            raise ValueError("takes mongodb://USER:PASSWORD@HOST:27017/")
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


class EngineSettings(ArlSettings):
    """Either engine; the keys of the other one are without effect."""

    kind: Literal["embedded", "arl"] = "embedded"
    concurrency: Whole = Field(4, ge=1, le=64)
    connections: Whole = Field(64, ge=1, le=1024)
    connect_timeout: Seconds = 3.0
    http_timeout: Seconds = 8.0
    task_timeout: Seconds = 120.0
    max_hosts: Whole = Field(256, ge=1, le=65536)
    ports: tuple[Port, ...] = (80, 443, 8080, 8443)
    refuse: tuple[str, ...] = DEFAULT_REFUSED

    @field_validator("refuse")
    @classmethod
    def _networks(cls, refused: tuple[str, ...]) -> tuple[str, ...]:
        AddressPolicy.parse(refused)
        return refused

    @model_validator(mode="after")
    def _reachable(self) -> "EngineSettings":
        lacks = [name for name in ARL_NEEDS if not getattr(self, name)]
        if self.kind == "arl" and lacks:
            raise ValueError(f"is arl, but engine.{lacks[0]} is missing")
        return self
