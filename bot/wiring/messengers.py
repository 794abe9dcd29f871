"""Build the messengers of the channels that are configured."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from bot.config.loader import Settings
from bot.config.resolve import resolve_fallback_webhooks, resolve_groups_by_app, resolve_webhooks
from bot.delivery.channels import Channels
from bot.messengers.dingtalk.api import ApiClient
from bot.messengers.dingtalk.auth import DingTalkApp, Tokens
from bot.messengers.dingtalk.http import dingtalk_session
from bot.messengers.dingtalk.identities import DingTalkIdentities
from bot.messengers.dingtalk.rate_limiter import NullRateLimiter
from bot.messengers.dingtalk.robot import OpenApiMessenger
from bot.messengers.dingtalk.shortcuts.bar import ShortcutBar
from bot.messengers.dingtalk.webhook import WebhookMessenger
from bot.messengers.dingtalk.work_notification import WorkNotificationMessenger
from bot.messengers.silent import SilentMessenger
from bot.models import Clock, DestinationKind
from bot.ports import Checks, Identities, Messenger

NO_DESTINATION = "no destination; set DINGDING.DEFAULT_CHAT_ID, send_to or notify.routes"


@dataclass(frozen=True, kw_only=True)
class DingTalkConnection:
    """Messengers of DingTalk, and the apps whose Streams are received."""

    channels: Channels
    robots: Mapping[str, DingTalkApp]  # by name; "" is the app in `DINGDING`
    session: aiohttp.ClientSession
    identities: Identities | None = None  # of the app in `DINGDING`


def build_messengers(
    settings: Settings, session: aiohttp.ClientSession, clock: Clock, rate_limiter: NullRateLimiter
) -> DingTalkConnection:
    """Build the messengers of the configured channels. Without any, messages are only logged."""
    silent = SilentMessenger(NO_DESTINATION) if settings.configured else SilentMessenger()
    reached: dict[tuple[DestinationKind, str], Messenger] = {}
    robots, identities = apps_from(settings), None
    for name, robot in robots.items():
        tokens = Tokens(session, robot, clock, rate_limiter)
        if not name:
            identities = DingTalkIdentities(session, robot, tokens, rate_limiter=rate_limiter)
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
    return DingTalkConnection(channels=channels, robots=robots, session=session, identities=identities)


@asynccontextmanager
async def open_channels(
    settings: Settings, clock: Clock, rate_limiter: NullRateLimiter | None = None
) -> AsyncIterator[Channels]:
    """Open the configured channels for a single command. Without a rate limiter, no call is counted."""
    async with dingtalk_session() as session:
        yield build_messengers(settings, session, clock, rate_limiter or NullRateLimiter()).channels


@asynccontextmanager
async def open_shortcut_bars(settings: Settings, clock: Clock) -> AsyncIterator[Mapping[str, ShortcutBar]]:
    """Open the shortcut bar of each app, by its name, for a single command, without rate limits."""
    async with dingtalk_session() as session:
        yield {
            name: ShortcutBar(ApiClient(session, app, Tokens(session, app, clock)), app.robot_code)
            for name, app in apps_from(settings).items()
        }


def channel_checks(channels: Channels, settings: Settings) -> Checks:
    """Return the checks of all messengers. Names of checks end with the name of the app, if it has one."""
    groups = resolve_groups_by_app(settings)
    apps = {id(messenger): (app, messenger) for (_, app), messenger in channels.messengers.items()}
    checks = {
        f"{name} {app}".strip(): check
        for app, messenger in apps.values()
        for name, check in messenger.checks(groups.get(app, ())).items()
    }
    return checks or channels.silent.checks()


def apps_from(settings: Settings) -> dict[str, DingTalkApp]:
    """Return the configured apps by name. "" is the app in `DINGDING`."""
    ding = settings.dingding
    main = app_from(settings)
    others = {
        name: DingTalkApp(
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


def app_from(settings: Settings) -> DingTalkApp | None:
    """Return the app in `DINGDING`, or None."""
    ding = settings.dingding
    if ding.app_secret is None:
        return None
    return DingTalkApp(
        app_key=ding.app_key,
        app_secret=ding.app_secret.get_secret_value(),
        robot_code=ding.robot_code or ding.app_key,
        agent_id=ding.agent_id,
        openapi_base=ding.openapi_base,
        oapi_base=ding.oapi_base,
    )
