"""Check the recipients of one schedule against the settings of DingTalk. Pure."""

from collections.abc import Mapping

from bot.config.settings import Settings
from bot.models import APP_KINDS, CHANNEL_KINDS, Channel, Destination, DestinationKind, Schedule

APP_NEEDED = "needs DINGDING.APP_KEY for anything but webhook:name"
AGENT_NEEDED = "names a work notification, which needs DINGDING.AGENT_ID"
NEEDS = {Channel.OPENAPI: ("app_key",), Channel.WORK_NOTICE: ("app_key", "agent_id")}


def recipient_errors(settings: Settings, schedule: Schedule, webhooks: Mapping[str, object]) -> str:
    """Describe the first problem of the channel or the destinations of a schedule. "" if there is none."""
    ding, channel = settings.dingding, schedule.notify_channel
    kinds = {to.kind for to in schedule.send_to}
    robots = {to.id for to in schedule.send_to if to.kind is DestinationKind.WEBHOOK}
    unknown_robots = ", ".join(sorted(robots - webhooks.keys()))
    unknown_apps = ", ".join(sorted({to.app for to in schedule.send_to} - {"", *settings.notify.apps}))
    missing_key = next((key.upper() for key in NEEDS.get(channel, ()) if not getattr(ding, key)), "")
    accepted = CHANNEL_KINDS[channel] | ({DestinationKind.USER} if channel is Channel.WORK_NOTICE else set())
    takes = " or ".join(sorted(f"{kind}:…" for kind in accepted))
    unreachable = kinds and not kinds & accepted
    lacks_agent = any(_lacks_agent(settings, to) for to in schedule.send_to)
    checks = (
        (unknown_robots, f"send_to names webhook:{unknown_robots}, which is not in notify.webhooks"),
        (unknown_apps, f"send_to names the app {unknown_apps}, which is not in notify.apps"),
        (missing_key, f"notify_channel is {channel}, which needs DINGDING.{missing_key}"),
        (not ding.app_key and kinds & APP_KINDS, f"send_to {APP_NEEDED}"),
        (lacks_agent, f"send_to {AGENT_NEEDED}"),
        (unreachable, f"notify_channel is {channel}, but send_to has no {takes}"),
        (not kinds, f"send_to is empty, and there is no default: set {_default_key(settings, channel)}"),
    )
    return next((problem for found, problem in checks if found), "")


def _default_key(settings: Settings, channel: Channel) -> str:
    """Name the settings that would give a schedule of this channel a destination."""
    if channel is Channel.WORK_NOTICE:
        return "it, such as [work:manager01]"
    by_robot = channel is Channel.WEBHOOK or not settings.dingding.app_key
    return f"DINGDING.{'ACCESS_TOKEN' if by_robot else 'DEFAULT_CHAT_ID'}, send_to or notify.routes"


def _lacks_agent(settings: Settings, destination: Destination) -> bool:
    """Tell if this is a work notification by an app without `AGENT_ID`."""
    app = settings.notify.apps.get(destination.app)
    agent = app.agent_id if app else settings.dingding.agent_id
    return destination.kind is DestinationKind.WORK and not agent
