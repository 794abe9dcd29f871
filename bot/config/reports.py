"""The `reports` and `exporter` sections of the settings: how Excel reports are made, kept and handed out."""

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from bot.config.types import KeySecret, Seconds, Section, Whole

MB = 1024 * 1024


class ReportSettings(Section):
    dir: str = Field(
        "data/reports", description="Folder of the reports, one per day.", examples=["/srv/reports"]
    )
    store: Literal["folder", "gridfs"] = Field(
        "folder",
        description="Where reports are kept. `gridfs` keeps them in MongoDB as well, so that every bot can"
        " send all of them; `reports.dir` is then a local copy.",
        examples=["gridfs"],
    )
    keep_days: Whole = Field(30, ge=1, description="Days to keep reports.", examples=[90])
    show_secrets: bool = Field(
        False,
        description="Write cracked passwords and keys into reports in clear. They are masked otherwise.",
        examples=[True],
    )
    max_file_mb: Whole = Field(
        10,
        ge=1,
        le=20,
        description="Biggest report that is sent as a file, in MB. A bigger one goes as a link, or without"
        " `web.public_url` in parts that open on their own; a work notification takes 10 at most.",
        examples=[5],
    )
    link_ttl: Whole = Field(
        86400, ge=60, description="Lifetime of a download link, in seconds.", examples=[3600]
    )
    link_max_downloads: Whole = Field(
        20,
        ge=1,
        le=1000,
        description="Downloads per link; 1 makes one-time links. A preview by a chat program counts too.",
        examples=[1],
    )
    link_login: bool = Field(
        False,
        description="A download link works only for people who are logged in to the [web pages](web.md) and"
        " may see the run. The audit then names them.",
        examples=[True],
    )
    link_secret: KeySecret | None = Field(
        None,
        description="Key that signs links. Without it a key is generated and kept in the"
        " store for all bots. A new key revokes all links.",
        examples=["at-least-16-characters"],
    )

    @property
    def max_file_bytes(self) -> int:
        return int(self.max_file_mb * MB)


class ExporterSettings(Section):
    kind: Literal["local", "celery"] = Field(
        "local",
        description="Who writes reports. `local` is a child process of the bot, `celery` are"
        " [workers](workers.md).",
        examples=["celery"],
    )
    broker_url: SecretStr | None = Field(
        None,
        description="Redis or RabbitMQ that wakes the workers; celery needs it. Takes"
        " `redis://:PASSWORD@HOST:6379/0` or `amqp://USER:PASSWORD@HOST:5672//`, over TLS `rediss://` or"
        " `amqps://`.",
        examples=["redis://:PASSWORD@127.0.0.1:6379/0"],
    )
    time_limit: Seconds = Field(
        1800.0, ge=10, description="Longest time that a worker may take for one report.", examples=[3600]
    )
    concurrency: Whole = Field(
        0,
        ge=0,
        le=64,
        description="Reports written at once, by the bot or by each worker; 0 is one less than the CPUs, at"
        " least one.",
        examples=[2],
    )

    def at_once(self, cpus: int) -> int:
        """Return how many reports are written at once; 0 leaves one processor to everything else."""
        return self.concurrency or max(1, cpus - 1)

    @field_validator("broker_url")
    @classmethod
    def _scheme(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not is_broker(url.get_secret_value()):
            raise ValueError(
                "takes redis://[:PASSWORD@]HOST[:PORT][/NUMBER] or amqp://[USER:PASSWORD@]HOST[:PORT]//"
                " (rediss:// and amqps:// over TLS), special characters of a password as %XX"
            )
        return url

    @model_validator(mode="after")
    def _reachable(self) -> "ExporterSettings":
        if self.kind == "celery" and not self.broker_url:
            raise ValueError("has kind: celery, but exporter.broker_url is missing")
        return self


def is_broker(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, say
        return False
    return named and bool(re.fullmatch(r"rediss?://[^/\s]+(/\d*)?|amqps?://\S+", url.partition("?")[0]))
