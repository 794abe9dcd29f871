"""The tree of settings: every key, its type and its default, as `config.yaml` has them."""

import re
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import (
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bot.access import Rules
from bot.engine_settings import EngineSettings
from bot.fields import Base, Port, PublicUrl, Seconds, Section, Time, UpperSection, Whole, ZoneName
from bot.models import Channel, NotifyOn
from bot.notify import NotifySettings, Telling
from bot.quota import Bucket, Budget
from bot.targets import parse_target

CRON_FIELDS = 5
SHORTEST_KEY = 16  # characters of what signs links


class DingDing(UpperSection):
    """The app and the custom robot at DingTalk."""

    secret: SecretStr | None = None
    access_token: SecretStr | None = None
    keyword: str = ""
    app_key: str = ""
    app_secret: SecretStr | None = None
    agent_id: Whole | None = None
    default_chat_id: str = ""
    robot_code: str = ""
    card_template_id: str = "buttons"
    card_variables: dict[str, str] = Field(default_factory=dict)
    openapi_base: Base = "https://api.dingtalk.com"
    oapi_base: Base = "https://oapi.dingtalk.com"

    @model_validator(mode="after")
    def _pairs(self) -> "DingDing":
        for have, lack in (("app_key", "app_secret"), ("app_secret", "app_key"), ("secret", "access_token")):
            if getattr(self, have) and not getattr(self, lack):
                raise ValueError(f"has {have.upper()}, but DINGDING.{lack.upper()} is missing")
        return self


class StoreSettings(Section):
    url: str = Field("sqlite:///data/dingrun.db", repr=False)  # may hold a password

    @field_validator("url")
    @classmethod
    def _scheme(cls, url: str) -> str:
        if not re.fullmatch(r"sqlite:///.+|mongodb(\+srv)?://\S+", url):
            got = re.match(r"[a-z+]+://", url)  # what follows may hold a password
            raise ValueError(f"takes sqlite:///FILE or mongodb://…, got {got[0] if got else ''}…")
        return url


class ScheduleSettings(Section):
    """A schedule of the embedded engine."""

    name: str = Field(min_length=1, max_length=60)
    cron: str = ""
    at: Time | None = None
    targets: tuple[str, ...] = Field(min_length=1)
    ports: tuple[Port, ...] = ()
    notify_enable: bool = False
    notify_channel: Channel = Channel.DINGDING
    notify_on: NotifyOn = NotifyOn.FINISHED
    export: bool = True
    owner: str = ""
    send_to: tuple[Telling, ...] = ()

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if not name.strip() or not name.isprintable():
            raise ValueError(f"takes one line of text, got {name!r}")
        return name.strip()

    @field_validator("cron")
    @classmethod
    def _cron(cls, cron: str) -> str:
        try:
            CronSim(cron, datetime.now(UTC))
            why = "" if len(cron.split()) == CRON_FIELDS else "the sixth would be seconds"
        except CronSimError as error:
            why = str(error)
        if why:
            raise ValueError(f"must be five cron fields such as 0 3 * * *, got {cron!r}: {why}")
        return cron

    @field_validator("targets")
    @classmethod
    def _targets(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        for target in targets:
            parse_target(target)
        return targets

    @model_validator(mode="after")
    def _one_time(self) -> "ScheduleSettings":
        if bool(self.cron) == (self.at is not None):
            raise ValueError(
                f"takes either cron or at, and {self.name} has {'both' if self.cron else 'none'}"
            )
        return self


class SchedulerSettings(Section):
    missed: Literal["once", "skip"] = "once"
    grace: Seconds = Field(60.0, ge=1)


class ReportSettings(Section):
    dir: str = "data/reports"
    store: Literal["folder", "gridfs"] = "folder"
    keep_days: Whole = Field(30, ge=1)
    link_ttl: Whole = Field(86400, ge=60)
    link_limit: Whole = Field(20, ge=1, le=1000)
    link_secret: SecretStr | None = None
    max_file_mb: Whole = Field(10, ge=1, le=20)
    show_secrets: bool = False

    @field_validator("link_secret")
    @classmethod
    def _guessable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(secret.get_secret_value()) < SHORTEST_KEY:
            raise ValueError(f"takes at least {SHORTEST_KEY} characters")
        return secret


class ExporterSettings(Section):
    kind: Literal["inprocess", "celery"] = "inprocess"
    broker_url: SecretStr | None = None
    time_limit: Seconds = Field(1800.0, ge=10)
    concurrency: Whole = Field(0, ge=0, le=64)

    def at_once(self, cpus: int) -> int:
        """Return how many reports are written concurrently; 0 leaves one processor to everything else."""
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


class WebSettings(Section):
    host: str = "127.0.0.1"
    port: Whole = Field(0, ge=0, le=65535)
    public_url: PublicUrl = ""
    proxies: tuple[IPvAnyNetwork, ...] = ()
    status_token: SecretStr | None = None

    @model_validator(mode="after")
    def _served(self) -> "WebSettings":
        if self.public_url and not self.port:
            raise ValueError("has public_url, but web.port is 0: nothing serves the links")
        return self


class AccessSettings(Section):
    operators: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()

    def rules(self) -> Rules:
        return Rules(**self.model_dump())


class QuotaSettings(Section):
    api: Whole = Field(5_000, ge=0)
    stream_webhook: Whole = Field(3_000, ge=0)

    def budget(self) -> Budget:
        return Budget(limits={Bucket.API: self.api, Bucket.STREAM: self.stream_webhook})


class LogSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(Section):
    """Everything a person can set, and nothing read: that is what `bot.config.load` does."""

    dingding: DingDing = DingDing()
    store: StoreSettings = StoreSettings()
    engine: EngineSettings = EngineSettings()
    schedules: tuple[ScheduleSettings, ...] = ()
    scheduler: SchedulerSettings = SchedulerSettings()
    notify: NotifySettings = NotifySettings()
    reports: ReportSettings = ReportSettings()
    exporter: ExporterSettings = ExporterSettings()
    web: WebSettings = WebSettings()
    access: AccessSettings = AccessSettings()
    quota: QuotaSettings = QuotaSettings()
    timezone: ZoneName = "Asia/Shanghai"
    lang: Literal["zh-CN", "en"] = "zh-CN"
    log: LogSettings = LogSettings()

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, values: Any) -> Any:
        """The block is written `DINGDING` as in ARL's settings."""
        if not isinstance(values, dict):
            return values
        return {"dingding" if key == "DINGDING" else key: value for key, value in values.items()}

    @field_validator("reports")
    @classmethod
    def _shared(cls, reports: ReportSettings, known: ValidationInfo) -> ReportSettings:
        store = known.data.get("store")
        if reports.store == "gridfs" and store and not store.url.startswith("mongodb"):
            raise ValueError("has store: gridfs, which needs store.url: mongodb://…")
        return reports

    @field_validator("schedules")
    @classmethod
    def _names(cls, schedules: tuple[ScheduleSettings, ...]) -> tuple[ScheduleSettings, ...]:
        names = [schedule.name.casefold() for schedule in schedules]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise ValueError(f"has two schedules named {schedules[number].name}")
        return schedules

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def configured(self) -> bool:
        """Whether anything of DingTalk is set; without it the service only logs."""
        return bool(self.dingding.app_key or self.dingding.access_token or self.notify.webhooks)
