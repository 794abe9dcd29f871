"""The `notify` section of the settings: who is notified, how loudly, and by which robots."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from bot.config.types import (
    DestinationField,
    GroupKey,
    Hours,
    Kind,
    Operator,
    Person,
    RobotToken,
    SecretUrl,
    Section,
    UpperSection,
    Whole,
    parse_destination,
)
from bot.models import Destination, FileMode, NotifyOn


class RecipientSettings(Section):
    """One destination with its options. Without options it is written as `group:cid…` alone.

    file: when the report is sent as a file; `ask` = on request, `never` = not even then.
    mention: staffIds, mobile numbers, `owner` (the schedule's), `on_call` (`notify.on_call`) or `all`.
    """

    to: DestinationField
    notify_on: NotifyOn | None = None
    mention: tuple[Person, ...] = ()
    mention_on: Literal["always", "failed"] = "always"
    file: FileMode = FileMode.ALWAYS


def _as_mapping(value: object) -> object:
    return {"to": parse_destination(value)} if isinstance(value, str) else value


RecipientSpec = Annotated[RecipientSettings, BeforeValidator(_as_mapping), Kind("destination", "投递目标")]


class Webhook(UpperSection):
    """A custom group robot."""

    access_token: RobotToken
    secret: SecretStr | None = None
    keyword: str = ""


class OtherApp(UpperSection):
    """Another internal app with its robot; `group:cid…#name` goes by it."""

    app_key: str = Field(min_length=1)
    app_secret: SecretStr
    agent_id: Whole | None = None
    robot_code: str = ""


def _off(value: object) -> object:
    return "off" if value is False else value  # YAML reads `off` as false


StartNotice = Annotated[Literal["off", "card"], BeforeValidator(_off)]


class NotifySettings(Section):
    routes: dict[str, tuple[RecipientSpec, ...]] = Field(
        default_factory=dict,
        description="Destinations by schedule. The key is a schedule's name, or the id of one of ARL's; the"
        " value is written as `send_to`.",
        examples=[{"每日巡检": ["group:cid6EUabc==", "user:manager01"]}],
    )
    start_notice: dict[str, StartNotice] = Field(
        default_factory=dict,
        description="Schedules that send a card when a run starts, which becomes its summary: `off`, or"
        " `card` for one more call per run and destination. The key is a name, an id, or a pattern such as"
        " `备份*`; the first that matches counts. Destinations that mention people get none, and neither do"
        " those with `notify_on: failed` or `change`.",
        examples=[{"每日巡检": "card"}],
    )
    webhooks: dict[str, Webhook] = Field(
        default_factory=dict,
        description="More custom group robots by name. `webhook:name` goes by one; its keys are"
        " `ACCESS_TOKEN`, `SECRET`, `KEYWORD`.",
        examples=[{"ops": {"ACCESS_TOKEN": "token-of-the-robot", "SECRET": "SEC…"}}],
    )
    apps: dict[str, OtherApp] = Field(
        default_factory=dict,
        description="More internal apps by name. `group:cid…#name` goes by one; its keys are `APP_KEY`,"
        " `APP_SECRET`, `AGENT_ID`, `ROBOT_CODE`.",
        examples=[{"second": {"APP_KEY": "dingdef456", "APP_SECRET": "…"}}],
    )
    fallback_webhooks: dict[GroupKey, str] = Field(
        default_factory=dict,
        description="Custom robots by group, used when the app cannot send. That is when neither cards nor"
        " messages go, or the quota runs out. The default group uses `webhook:default`.",
        examples=[{"cid6EUabc==": "ops"}],
    )
    on_call: tuple[Person, ...] = Field(
        (), description="People whom `mention: [on_call]` mentions.", examples=[["user01", "13800000000"]]
    )
    operators: tuple[Operator, ...] = Field(
        (),
        description="Who is notified of the service's own troubles. Without a destination: the default group."
        " A [URL of Apprise](operate.md#when-dingtalk-cannot-be-reached), such as `mailtos://…`, is used when"
        " DingTalk cannot be reached; it needs the extra `apprise`, and is shown as stars.",
        examples=[["user:manager01", "mailtos://bot:…@smtp.example.com"]],
    )
    lapses: bool = Field(
        True,
        description="Tell the destinations of a schedule what did not happen: a run that did not start, takes"
        " longer than usual, or is overdue. A message costs one call; a run that did not start costs none.",
        examples=[False],
    )
    cards_per_minute: Whole = Field(
        10,
        ge=1,
        le=20,
        description="Cards per minute and destination. Further runs share one digest card.",
        examples=[3],
    )
    quiet_hours: Hours = Field(
        "",
        description="Hours in which summaries wait, in `timezone`. They come as one digest card at the end;"
        " files are then sent on request. Where a run was asked for, its summary does not wait. Empty: none.",
        examples=["22:00-08:00"],
    )
    quiet_hours_except: Literal["none", "failed"] = Field(
        "none",
        description="Runs whose summaries do not wait. `failed`: those with a failure.",
        examples=["failed"],
    )
    silent_success: bool = Field(
        False,
        description="Cards of runs that succeeded, as the run before did, appear without a notification on"
        " phones and desktops. A card that needs attention, mentions somebody, or was asked for in that chat"
        " always notifies.",
        examples=[True],
    )
    remind_after: Whole = Field(
        0,
        ge=0,
        le=1440,
        description="Minutes after which a destination is reminded, once, of a failed run that nobody takes"
        " care of (`确认`, `重跑`) and that no later run followed. A reminder costs one call; 0 is off.",
        examples=[30],
    )

    @property
    def operator_destinations(self) -> tuple[Destination, ...]:
        return tuple(each for each in self.operators if isinstance(each, Destination))

    @property
    def operator_urls(self) -> tuple[SecretUrl, ...]:
        """Return the URLs of Apprise."""
        return tuple(each for each in self.operators if isinstance(each, SecretUrl))

    @property
    def remind_delay(self) -> timedelta:
        return timedelta(minutes=self.remind_after)
