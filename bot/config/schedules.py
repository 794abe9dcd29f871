"""The `schedules` and `scheduler` sections of the settings: what runs and when."""

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from bot.config.notify import RecipientSpec
from bot.config.types import CronLine, Person, Port, Seconds, Section, Target, Time
from bot.models import Channel, NotifyOn
from bot.targets import parse_target

EXAMPLE: dict[str, Any] = {  # as config.yaml shows it
    "name": "每日巡检",
    "cron": "0 3 * * *",
    "targets": ["example.com", "https://www.example.com", "192.0.2.10", "192.0.2.0/28"],
    "ports": [80, 443],
    "notify_enable": True,
    "notify_channel": "dingding",
    "notify_on": "always",
    "export": True,
    "owner": "manager01",
    "send_to": [],
}


class ScheduleSettings(Section):
    """A schedule of the embedded engine."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    name: str = Field(
        min_length=1, max_length=60, description="Unique name, up to 60 characters.", examples=["每日巡检"]
    )
    cron: CronLine = Field(
        "",
        description="Five cron fields, in `timezone`. Set either `cron` or `at`.",
        examples=["0 3 * * *"],
    )
    at: Time | None = Field(
        None, description="Run once at this time, in `timezone`.", examples=["2026-12-01 03:00"]
    )
    targets: tuple[Target, ...] = Field(
        min_length=1,
        description="Hosts, host:port, URLs, addresses, networks (CIDR). Nothing else is ever contacted.",
        examples=[["example.com", "https://www.example.com", "192.0.2.10", "192.0.2.0/28"]],
    )
    ports: tuple[Port, ...] = Field(
        (), description="Ports to look at. Defaults to `engine.ports`.", examples=[[80, 443]]
    )
    notify_enable: bool = Field(False, description="Notify when a run ends.", examples=[True])
    notify_channel: Channel = Field(
        Channel.DINGDING,
        description="How to notify. `dingding` uses every destination and prefers cards; the others pin one"
        " kind.",
        examples=["webhook"],
    )
    notify_on: NotifyOn = Field(
        NotifyOn.FINISHED,
        description="Which runs to notify of. `finished`: all tasks ended, or the run never started;"
        " `failed`: the run or one of its tasks failed; `always`: both; `change`: it"
        " failed or found something else than the run before.",
        examples=["always"],
    )
    export: bool = Field(True, description="Make an Excel report.", examples=[False])
    owner: Person = Field("", description="Person whom `mention: [owner]` mentions.", examples=["manager01"])
    send_to: tuple[RecipientSpec, ...] = Field(
        (),
        description="Whom to notify. Defaults to `notify.routes`, then `DEFAULT_CHAT_ID`, then"
        " `webhook:default`. Takes `group:cid…`, `user:staffId`, `work:staffId` and `webhook:name`;"
        " see below for mappings.",
        examples=[["group:cid6EUabc==", "user:manager01"]],
    )

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if not name.strip() or not name.isprintable():
            raise ValueError(f"takes one line of text, got {name!r}")
        return name.strip()

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
    misfire_policy: Literal["once", "skip"] = Field(
        "once",
        description="What to do with times that passed while DingRun was down. `once`: run once, however many"
        " passed; `skip`: log and skip.",
        examples=["skip"],
    )
    misfire_grace: Seconds = Field(
        60.0, ge=1, description="Delay after which a time counts as missed.", examples=[300]
    )
