"""The tree of settings: every key with its type, default and description.

`docs/config.md`, `docs/zh-CN/config.md` and `config.yaml` are rendered from it (`bot.config.reference`).
"""

import re
from collections.abc import Mapping
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    IPvAnyNetwork,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bot.config.access import AccessSettings
from bot.config.api.settings import ApiSettings
from bot.config.chat import ChatSettings
from bot.config.dingtalk import DingDing
from bot.config.engine import AnyEngine, EmbeddedSettings, EngineName, EngineSettings
from bot.config.expectations import ExpectationSettings
from bot.config.notify import NotifySettings
from bot.config.reports import ExporterSettings, ReportSettings
from bot.config.schedules import SchedulerSettings, ScheduleSettings
from bot.config.types import KeySecret, PublicUrl, Section, WebUrl, Whole, ZoneName


class StoreSettings(Section):
    url: str = Field(
        "sqlite:///data/dingrun.db",
        repr=False,  # may hold a password
        description="Where everything is kept: an SQLite file, or MongoDB for several bots. Takes"
        " `sqlite:///relative`, `sqlite:////absolute` or [`mongodb://…`](mongodb.md); name and password are"
        " shown as stars.",
        examples=["mongodb://bot:…@db1,db2/dingrun"],
    )

    @field_validator("url")
    @classmethod
    def _scheme(cls, url: str) -> str:
        if not re.fullmatch(r"sqlite:///.+|mongodb(\+srv)?://\S+", url):
            got = re.match(r"[a-z+]+://", url)  # what follows may hold a password
            raise ValueError(f"takes sqlite:///FILE or mongodb://…, got {got[0] if got else ''}…")
        return url


class WebSettings(Section):
    host: str = Field(
        "127.0.0.1",
        description="Address to listen at. It serves the pages at `/status`, `/healthz`, `/readyz`,"
        " `/metrics` and `/reports/…`.",
        examples=["192.0.2.10"],
    )
    port: Whole = Field(0, ge=0, le=65535, description="Port to listen at; 0 is off.", examples=[8780])
    public_url: PublicUrl = Field(
        "",
        description="Address under which people reach it; download links and logins to the pages begin with"
        " it. Needs `web.port`. Without it there are no links and no logins.",
        examples=["https://run.example.com"],
    )
    proxies: tuple[IPvAnyNetwork, ...] = Field(
        (),
        description="Your reverse proxies. Only their `X-Forwarded-For` is believed.",
        examples=[["127.0.0.1", "10.0.0.0/8"]],
    )
    status_token: KeySecret | None = Field(
        None,
        description="Opens `/metrics` and `/readyz`, as `Authorization: Bearer …`. Without it they are for"
        " this machine only. Required with `public_url`.",
        examples=["0f2e4d6c8b0a1f3e"],
    )
    jsapi: str = Field(
        "",
        description="Path of a copy of DingTalk's script `dingtalk.open.js`. With it, people who open the"
        " pages inside DingTalk are logged in without a link.",
        examples=["/etc/dingrun/dingtalk.open.js"],
    )
    session_ttl: Whole = Field(
        28_800,
        ge=300,
        le=604_800,
        description="Seconds after which people have to log in to the pages again.",
        examples=[3_600],
    )

    @model_validator(mode="after")
    def _served(self) -> "WebSettings":
        if self.public_url and not self.port:
            raise ValueError("has public_url, but web.port is 0: nothing serves the links")
        if self.public_url and not self.status_token:
            raise ValueError(
                "has public_url, but web.status_token is missing: what a reverse proxy passes on comes from"
                " this machine, so /metrics and /readyz need one"
            )
        return self


class AuditSettings(Section):
    keep_days: Whole = Field(
        365,
        ge=1,
        description="Days to keep the audit: who asked for what, and what came of it.",
        examples=[730],
    )


class HistorySettings(Section):
    keep_days: Whole = Field(
        180,
        ge=7,
        description="Days to keep runs with their jobs, and lapses. The 10 newest runs of a schedule stay.",
        examples=[730],
    )
    assets_days: Whole = Field(
        30,
        ge=1,
        description="Days to keep the assets that the embedded engine found or other systems uploaded. Those"
        " of the 10 newest runs of a schedule stay. Without them a report cannot be made again.",
        examples=[90],
    )


class QuotaSettings(Section):
    api: Whole = Field(
        5_000,
        ge=0,
        description="API calls per month; 0 is no limit. Where other apps of the organization call too, your"
        " share of them.",
        examples=[10_000],
    )
    stream_webhook: Whole = Field(
        3_000, ge=0, description="Webhook and Stream calls per month; 0 is no limit.", examples=[5_000]
    )
    per_person: Whole = Field(
        20,
        ge=0,
        description="Reports, resends and reruns per person and hour; 0 is no limit.",
        examples=[50],
    )


class LogSettings(Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged.", examples=["WARNING"]
    )
    format: Literal["text", "json"] = Field(
        "text",
        description="Lines for people, or one JSON object per line, with ids in fields of their own.",
        examples=["json"],
    )


class WatchSettings(Section):
    url: WebUrl | None = Field(
        None,
        description="URL of an outer guard, such as a check of healthchecks.io. It is pinged while the"
        " service is useful, and with `/fail` while it is not. A secret, shown as stars.",
        examples=["https://hc-ping.com/…"],
    )
    interval: Whole = Field(60, ge=10, le=3_600, description="Seconds between two pings.", examples=[300])


class Settings(Section):
    """Everything a person can set, and nothing read: that is what `bot.config.loader.load` does."""

    dingding: DingDing = Field(DingDing(), description="DingTalk: the app and the custom group robot.")
    schedules: tuple[ScheduleSettings, ...] = Field((), description="Schedules: what runs and when.")
    timezone: ZoneName = Field(
        "Asia/Shanghai",
        description="Time zone of cron, and of times that people read.",
        examples=["Europe/Berlin"],
    )
    lang: Literal["zh-CN", "en"] = Field(
        "zh-CN",
        description="Language of cards, answers and reports, of errors of settings, commands and `--help`.",
        examples=["en"],
    )
    expectations: dict[str, ExpectationSettings] = Field(
        default_factory=dict,
        description="When runs should start and end, by schedule: people are told of what does not happen."
        " The key is a name, the id of one of ARL's, or a pattern such as `备份*`; the first that matches"
        " counts. See below for its keys.",
        examples=[{"每日巡检": {"grace": 600, "max_runtime": 7200}}],
    )
    scheduler: SchedulerSettings = Field(SchedulerSettings(), description="How times are kept.")
    store: StoreSettings = Field(StoreSettings(), description="Where data is kept.")
    engine: EngineSettings = Field(EmbeddedSettings(), description="Where tasks run.")
    engines: dict[EngineName, EngineSettings] = Field(
        default_factory=dict,
        description="Several engines at once, by name. Each has the keys of `engine`, which then has no"
        " effect. At most one is `embedded`; it has `schedules`. Keep the order: runs from before belong to"
        " the first one.",
        examples=[
            {
                "local": {"kind": "embedded"},
                "arl": {"kind": "arl", "url": "https://arl.example.com:5003", "api_key": "…"},
            }
        ],
    )
    notify: NotifySettings = Field(NotifySettings(), description="Who is notified.")
    reports: ReportSettings = Field(ReportSettings(), description="Excel reports and links to them.")
    exporter: ExporterSettings = Field(ExporterSettings(), description="Who writes the reports.")
    web: WebSettings = Field(WebSettings(), description="HTTP server.")
    api: ApiSettings = Field(ApiSettings(), description="API for runs that other systems execute.")
    access: AccessSettings = Field(AccessSettings(), description="Who may do what.")
    history: HistorySettings = Field(HistorySettings(), description="How long runs are kept.")
    audit: AuditSettings = Field(AuditSettings(), description="Who did what.")
    chat: ChatSettings = Field(ChatSettings(), description="Commands and buttons.")
    quota: QuotaSettings = Field(
        QuotaSettings(), description="DingTalk's monthly quota, shared by the whole organization."
    )
    log: LogSettings = Field(LogSettings(), description="Log.")
    watch: WatchSettings = Field(WatchSettings(), description="An outer guard, which notices an end.")

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, values: Any) -> Any:
        """Take `DINGDING`, as the block is written in ARL's settings."""
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

    @field_validator("engines")
    @classmethod
    def _one_embedded(cls, engines: dict[str, AnyEngine]) -> dict[str, AnyEngine]:
        if sum(isinstance(each, EmbeddedSettings) for each in engines.values()) > 1:
            raise ValueError("has two engines of kind embedded; they would share their tasks")
        return engines

    @property
    def engine_sections(self) -> Mapping[str, AnyEngine]:
        """Return the settings of all engines by name. One that is alone in `engine` has the name ""."""
        return self.engines or {"": self.engine}

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def configured(self) -> bool:
        """Tell if anything of DingTalk is set; without it the service only logs."""
        return bool(self.dingding.app_key or self.dingding.access_token or self.notify.webhooks)
