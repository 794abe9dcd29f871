"""Resolves settings to destinations and robots, and checks what no single key can tell. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.config.notify import RecipientSettings, Webhook
from bot.config.schedules import ScheduleSettings
from bot.config.settings import Settings
from bot.config.types import did_you_mean
from bot.models import (
    CHANNEL_KINDS,
    Channel,
    CustomRobot,
    Destination,
    DestinationKind,
    RecipientOptions,
    Schedule,
    deterministic_id,
)

APP_NEEDED = "needs DINGDING.APP_KEY for anything but webhook:name"
AGENT_NEEDED = "names a work notification, which needs DINGDING.AGENT_ID"
NEEDS = {Channel.OPENAPI: ("app_key",), Channel.WORK_NOTICE: ("app_key", "agent_id")}
OWNER, ON_CALL = "owner", "on_call"  # words of a mention that stand for people


def resolve_schedules(settings: Settings) -> tuple[Schedule, ...]:
    """The schedules of the embedded engine, with their destinations filled in."""
    return tuple(_schedule(settings, schedule) for schedule in settings.schedules)


def _schedule(settings: Settings, schedule: ScheduleSettings) -> Schedule:
    at = schedule.at
    told = _told(settings, schedule)
    return Schedule(
        id=deterministic_id("s", schedule.name),
        at=at and _aware(settings, at).astimezone(UTC),
        send_to=tuple(telling.to for telling in told),
        recipient_options=tuple(
            _manner(settings, schedule.owner, telling) for telling in told if _differs(telling)
        ),
        **schedule.model_dump(exclude={"at", "send_to", "owner"}),
    )


def _aware(settings: Settings, at: datetime) -> datetime:
    """Give a time without a zone the zone of the settings."""
    return at if at.tzinfo else at.replace(tzinfo=settings.zone)


def recipient_resolver(settings: Settings) -> Callable[[Schedule], Schedule]:
    """Build the function that gives a schedule of ARL its recipients.

    A route by its id, else by its name, turns its notifications on and says where to, by whichever channel
    reaches it. Without a route the schedule's own switch and channel count; a channel that reaches nobody
    here gives way to the usual one. When it is told, a destination of the route may say, else the schedule.
    """
    known = resolve_webhooks(settings)

    def dressed(schedule: Schedule) -> Schedule:
        routes = settings.notify.routes
        own = routes.get(schedule.id) or routes.get(schedule.name) or ()
        usual = replace(schedule, notify_channel=Channel.DINGDING)
        if own:
            return _addressed(settings, replace(usual, notify_enable=True), own)
        mine = _addressed(settings, schedule, _default(settings, schedule.notify_channel))
        if recipient_errors(settings, mine, known):
            return _addressed(settings, usual, _default(settings, Channel.DINGDING))
        return mine

    return dressed


def _addressed(settings: Settings, schedule: Schedule, told: Sequence[RecipientSettings]) -> Schedule:
    """The schedule with whom it tells, and how."""
    return replace(
        schedule,
        send_to=tuple(telling.to for telling in told),
        recipient_options=tuple(_manner(settings, "", telling) for telling in told if _differs(telling)),
    )


def _told(settings: Settings, schedule: ScheduleSettings) -> tuple[RecipientSettings, ...]:
    """The schedule's own, else its route, else the default ones."""
    own = schedule.send_to or settings.notify.routes.get(schedule.name)
    return own or _default(settings, schedule.notify_channel)


def _default(settings: Settings, channel: Channel) -> tuple[RecipientSettings, ...]:
    """The default group, else the default webhook robot."""
    ding = settings.dingding
    if ding.default_chat_id and channel is not Channel.WEBHOOK:
        return (RecipientSettings(to=Destination(kind=DestinationKind.GROUP, id=ding.default_chat_id)),)
    if ding.access_token:
        return (RecipientSettings(to=Destination(kind=DestinationKind.WEBHOOK, id="default")),)
    return ()


def _differs(telling: RecipientSettings) -> bool:
    return bool(telling.notify_on or telling.mention)


def _manner(settings: Settings, owner: str, telling: RecipientSettings) -> RecipientOptions:
    stands_for = {OWNER: (owner,) if owner else (), ON_CALL: settings.notify.on_call}
    people = [each for name in telling.mention for each in stands_for.get(name, (name,))]
    return RecipientOptions(
        to=telling.to,
        notify_on=telling.notify_on,
        mention=tuple(dict.fromkeys(people)),
        only_failed=telling.mention_on == "failed",
    )


def resolve_webhooks(settings: Settings) -> dict[str, CustomRobot]:
    """The custom group robots by name."""
    ding, named = settings.dingding, settings.notify.webhooks
    robots = dict(named)
    if ding.access_token:
        default = Webhook(access_token=ding.access_token, secret=ding.secret, keyword=ding.keyword)
        robots.setdefault("default", default)
    return {
        name: CustomRobot(
            setting=f"notify.webhooks.{name}" if name in named else "DINGDING",
            access_token=robot.access_token.get_secret_value(),
            secret=robot.secret.get_secret_value() if robot.secret else "",
            keyword=robot.keyword,
        )
        for name, robot in robots.items()
    }


def resolve_fallback_webhooks(settings: Settings) -> dict[str, Destination]:
    """By destination, the webhook robot in the same group; the default one in the default group."""
    ding = settings.dingding
    pairs = dict(settings.notify.fallback_webhooks)
    if ding.default_chat_id and ding.access_token:
        pairs.setdefault(ding.default_chat_id, "default")
    return {
        place if ":" in place else f"group:{place}": Destination(kind=DestinationKind.WEBHOOK, id=name)
        for place, name in pairs.items()
    }


def resolve_operators(settings: Settings) -> tuple[Destination, ...]:
    """Resolve who is notified of the service's own troubles: `notify.operators`, else the default group."""
    if settings.notify.operators:
        return settings.notify.operators
    if settings.dingding.default_chat_id:
        return (Destination(kind=DestinationKind.GROUP, id=settings.dingding.default_chat_id),)
    if settings.dingding.access_token:
        return (Destination(kind=DestinationKind.WEBHOOK, id="default"),)
    return ()


def people_in(settings: Settings) -> tuple[str, ...]:
    """List the staffIds that the settings name, besides those in `access`."""
    told = [telling.to for each in settings.schedules for telling in _told(settings, each)]
    told += [telling.to for tellings in settings.notify.routes.values() for telling in tellings]
    people = [to.id for to in (*told, *settings.notify.operators) if to.is_person]
    owners = [each.owner for each in settings.schedules if each.owner]
    return (*people, *settings.notify.on_call, *owners)


def validate_combinations(settings: Settings) -> str:
    """Find what no single key can tell, or "". Without DingTalk destinations do not matter: it only logs."""
    engine = settings.engine
    if engine.has_own_schedules and settings.schedules:
        return f"schedules belong to engine.kind embedded; with {engine.kind} they are {engine.label}'s own"
    if lost := _lost_route(settings):
        return lost
    if not settings.configured:
        return ""
    known = resolve_webhooks(settings)
    for place, robot in settings.notify.fallback_webhooks.items():
        if robot not in known:
            return f"notify.fallback_webhooks.{place} names {robot}, which is not in notify.webhooks"
    if engine.has_own_schedules:
        return _wrong_route(settings, known)
    told = [(at, each) for at, each in enumerate(resolve_schedules(settings)) if each.notify_enable]
    found = (
        (
            at,
            each.name,
            recipient_errors(settings, each, known) or _nobody_to_mention(settings, settings.schedules[at]),
        )
        for at, each in told
    )
    return next((f"schedules[{at}].{wrong} (schedule {name})" for at, name, wrong in found if wrong), "")


def _lost_route(settings: Settings) -> str:
    """Find a route that no schedule has, or "". Schedules of the engine are known only while it answers."""
    if settings.engine.has_own_schedules:
        return ""
    names = [schedule.name for schedule in settings.schedules]
    lost = next((route for route in settings.notify.routes if route not in names), "")
    return lost and f"notify.routes.{lost}: no schedule has this name{did_you_mean(lost, names)}"


def _wrong_route(settings: Settings, known: Mapping[str, object]) -> str:
    """Find what is wrong with the routes, the only settings here of the engine's own schedules; or ""."""
    missing = f"{settings.engine.label}'s schedules have no owner"
    dressed = recipient_resolver(settings)
    for name, told in settings.notify.routes.items():
        wrong = recipient_errors(settings, dressed(Schedule(id=name, name=name)), known)
        wrong = wrong or _mentions_nobody(settings, told, owner="", missing=missing)
        if wrong:
            return f"notify.routes.{name}: {wrong}"
    return ""


def _nobody_to_mention(settings: Settings, schedule: ScheduleSettings) -> str:
    told = _told(settings, schedule)
    return _mentions_nobody(settings, told, owner=schedule.owner, missing="the schedule has no owner")


def _mentions_nobody(
    settings: Settings, told: Sequence[RecipientSettings], *, owner: str, missing: str
) -> str:
    """Find a mention that stands for nobody, or ""."""
    words = {word for telling in told for word in telling.mention}
    if OWNER in words and not owner:
        return f"send_to mentions {OWNER}, but {missing}"
    if ON_CALL in words and not settings.notify.on_call:
        return f"send_to mentions {ON_CALL}, but notify.{ON_CALL} is empty"
    return ""


def warnings_of(settings: Settings, now: datetime) -> Sequence[str]:
    """List what is no error but may be a slip; the start logs it and `check` shows it."""
    warnings = [
        f"schedules[{number}].at: {schedule.name} was to run at {schedule.at:%Y-%m-%d %H:%M}, which is past:"
        " it runs only if the service knew of it before"
        for number, schedule in enumerate(settings.schedules)
        if schedule.at and _aware(settings, schedule.at) <= now
    ]
    if settings.configured and not resolve_operators(settings):
        warnings.append("notify.operators is empty and there is no default group: nobody hears of troubles")
    return warnings


def recipient_errors(settings: Settings, schedule: Schedule, webhooks: Mapping[str, object]) -> str:
    """Find what is wrong with the channel and the destinations of a schedule, or ""."""
    ding, channel = settings.dingding, schedule.notify_channel
    kinds = {place.kind for place in schedule.send_to}
    robots = {place.id for place in schedule.send_to if place.kind is DestinationKind.WEBHOOK}
    unknown = ", ".join(sorted(robots - webhooks.keys()))
    apps = ", ".join(sorted({place.app for place in schedule.send_to} - {"", *settings.notify.apps}))
    lacks = next((key.upper() for key in NEEDS.get(channel, ()) if not getattr(ding, key)), "")
    reach = CHANNEL_KINDS[channel] | ({DestinationKind.USER} if channel is Channel.WORK_NOTICE else set())
    takes = " or ".join(sorted(f"{kind}:…" for kind in reach))
    nobody = kinds and not kinds & reach
    agentless = any(_agentless(settings, place) for place in schedule.send_to)
    checks = (
        (unknown, f"send_to names webhook:{unknown}, which is not in notify.webhooks"),
        (apps, f"send_to names the app {apps}, which is not in notify.apps"),
        (lacks, f"notify_channel is {channel}, which needs DINGDING.{lacks}"),
        (not ding.app_key and kinds - {DestinationKind.WEBHOOK}, f"send_to {APP_NEEDED}"),
        (agentless, f"send_to {AGENT_NEEDED}"),
        (nobody, f"notify_channel is {channel}, but send_to has no {takes}"),
        (not kinds, f"send_to is empty, and there is no default: set {_default_key(settings, channel)}"),
    )
    return next((problem for wrong, problem in checks if wrong), "")


def _default_key(settings: Settings, channel: Channel) -> str:
    """Name the settings that would give a schedule of this channel a destination."""
    if channel is Channel.WORK_NOTICE:
        return "it, such as [work:manager01]"
    by_robot = channel is Channel.WEBHOOK or not settings.dingding.app_key
    return f"DINGDING.{'ACCESS_TOKEN' if by_robot else 'DEFAULT_CHAT_ID'}, send_to or notify.routes"


def _agentless(settings: Settings, place: Destination) -> bool:
    """Tell if a work notification would go by an app without an agent."""
    app = settings.notify.apps.get(place.app)
    agent = app.agent_id if app else settings.dingding.agent_id
    return place.kind is DestinationKind.WORK and not agent
