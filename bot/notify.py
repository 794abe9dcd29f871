"""The `notify` section of the settings: who is told what, how loudly, and by which robots."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from bot.fields import GroupKey, Place, RobotToken, Section, StaffId, UpperSection, Whole, place_of
from bot.models import NotifyOn


class TellingSettings(Section):
    """One destination, and what differs for it. Written as `group:cid…` alone where nothing does.

    mention: staffIds, mobile numbers, `owner` (the schedule's), `on_call` (`notify.on_call`) or `all`.
    """

    to: Place
    notify_on: NotifyOn | None = None
    mention: tuple[StaffId, ...] = ()
    mention_on: Literal["always", "failed"] = "always"


def _telling(value: object) -> object:
    return {"to": place_of(value)} if isinstance(value, str) else value


Telling = Annotated[TellingSettings, BeforeValidator(_telling)]


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


class NotifySettings(Section):
    routes: dict[str, tuple[Telling, ...]] = Field(default_factory=dict)
    webhooks: dict[str, Webhook] = Field(default_factory=dict)
    apps: dict[str, OtherApp] = Field(default_factory=dict)
    fallback_webhooks: dict[GroupKey, str] = Field(default_factory=dict)
    on_call: tuple[StaffId, ...] = ()
    operators: tuple[Place, ...] = ()
    cards_per_minute: Whole = Field(10, ge=1, le=20)
