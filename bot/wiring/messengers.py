"""The way to DingTalk that the settings allow: messengers for each kind of destination, and the robots."""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from bot.config.loader import Settings
from bot.config.resolve import resolve_fallback_webhooks, resolve_webhooks
from bot.delivery.channels import Channels
from bot.messengers.dingtalk.auth import DingTalkApp as Robot
from bot.messengers.dingtalk.auth import Tokens
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.messengers.dingtalk.webhook import WebhookMessenger
from bot.messengers.dingtalk.work_notification import WorkNotificationMessenger
from bot.messengers.silent import SilentMessenger
from bot.models import Clock, DestinationKind
from bot.ports import Messenger

NOWHERE = "no destination; set DINGDING.DEFAULT_CHAT_ID, send_to or notify.routes"


@dataclass(frozen=True, kw_only=True)
class DingTalkConnection:
    """The way to DingTalk: the messengers and, with apps, their Streams."""

    channels: Channels
    robots: Mapping[str, Robot]  # by the names of the apps, "" is the one in `DINGDING`
    session: aiohttp.ClientSession


def build_messengers(
    settings: Settings, session: aiohttp.ClientSession, clock: Clock, rate_limiter: NullRateLimiter
) -> DingTalkConnection:
    """The messengers that the settings allow; without any, everything is logged and nothing pushed."""
    silent = SilentMessenger(NOWHERE) if settings.configured else SilentMessenger()
    reached: dict[tuple[DestinationKind, str], Messenger] = {}
    robots = apps_from(settings)
    for name, robot in robots.items():
        tokens = Tokens(session, robot, clock, rate_limiter)
        openapi = OpenApiMessenger(session, robot, tokens, clock=clock, rate_limiter=rate_limiter)
        reached |= {(kind, name): openapi for kind in (DestinationKind.GROUP, DestinationKind.USER)}
        reached[DestinationKind.WORK, name] = WorkNotificationMessenger(
            session, robot, tokens, rate_limiter=rate_limiter
        )
    webhooks = resolve_webhooks(settings)
    if webhooks:
        reached[DestinationKind.WEBHOOK, ""] = WebhookMessenger(
            session, webhooks, clock=clock, base=settings.dingding.oapi_base, rate_limiter=rate_limiter
        )
    channels = Channels(
        messengers=reached, silent=silent, fallback_webhooks=resolve_fallback_webhooks(settings)
    )
    return DingTalkConnection(channels=channels, robots=robots, session=session)


def apps_from(settings: Settings) -> dict[str, Robot]:
    """The apps of the settings by name, "" for the one in `DINGDING`."""
    ding = settings.dingding
    main = app_from(settings)
    others = {
        name: Robot(
            app_key=app.app_key,
            app_secret=app.app_secret.get_secret_value(),
            robot_code=app.robot_code or app.app_key,
            agent_id=app.agent_id,
            openapi_base=ding.openapi_base,
            oapi_base=ding.oapi_base,
        )
        for name, app in settings.notify.apps.items()
    }
    return ({"": main} if main else {}) | others


def app_from(settings: Settings) -> Robot | None:
    """The app that the settings name, or None when they name none."""
    ding = settings.dingding
    if ding.app_secret is None:
        return None
    return Robot(
        app_key=ding.app_key,
        app_secret=ding.app_secret.get_secret_value(),
        robot_code=ding.robot_code or ding.app_key,
        agent_id=ding.agent_id,
        openapi_base=ding.openapi_base,
        oapi_base=ding.oapi_base,
    )
