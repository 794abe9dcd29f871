"""Resolve settings to schedules, destinations and robots. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TypeVar

from bot.config.notify import RecipientSettings, Webhook
from bot.config.recipient_rules import recipient_errors
from bot.config.schedules import ScheduleSettings
from bot.config.settings import Settings
from bot.models import (
    Channel,
    CustomRobot,
    Destination,
    DestinationKind,
    Expectation,
    FileMode,
    RecipientOptions,
    Schedule,
    deterministic_id,
)

Value = TypeVar("Value")

OWNER, ON_CALL = "owner", "on_call"  # mentions that stand for people


def resolve_schedules(settings: Settings) -> tuple[Schedule, ...]:
    """Return the schedules of the embedded engine with their destinations."""
    return tuple(_schedule(settings, schedule) for schedule in settings.schedules)


def _schedule(settings: Settings, schedule: ScheduleSettings) -> Schedule:
    at = schedule.at
    recipients = resolve_recipients(settings, schedule)
    id_ = deterministic_id("s", schedule.name)
    return Schedule(
        id=id_,
        expect=resolve_expectation(settings, id_, schedule.name),
        start_notice=resolve_start_notice(settings, id_, schedule.name),
        at=at and in_zone(settings, at).astimezone(UTC),
        send_to=tuple(recipient.to for recipient in recipients),
        recipient_options=_recipient_options(settings, schedule.owner, recipients),
        **schedule.model_dump(exclude={"at", "send_to", "owner"}),
    )


def resolve_expectation(settings: Settings, id_: str, name: str, *, timezone: str = "") -> Expectation:
    """Return what is expected of the runs of a schedule, by the first pattern that matches its id or name.

    `timezone` is that of the cron lines of its engine, if it is not that of the settings.
    """
    given = _first_match(settings.expectations, id_, name)
    if given is None:
        return Expectation(timezone=timezone)
    return Expectation(
        cron=given.cron,
        every=timedelta(seconds=given.every) if given.every else None,
        timezone=given.timezone or timezone,
        grace=timedelta(seconds=given.grace),
        max_runtime=timedelta(seconds=given.max_runtime) if given.max_runtime else None,
        overlap=given.overlap,
        tolerance=given.tolerance,
        late_factor=given.late_factor,
    )


def resolve_start_notice(settings: Settings, id_: str, name: str) -> bool:
    """Return whether the runs of a schedule send a card when they start."""
    return _first_match(settings.notify.start_notice, id_, name) == "card"


def _first_match(patterns: Mapping[str, Value], id_: str, name: str) -> Value | None:
    """Return the value of the first pattern that matches the id or the name of a schedule."""
    found = (value for p, value in patterns.items() if fnmatchcase(id_, p) or fnmatchcase(name, p))
    return next(found, None)


def expectation_resolver(settings: Settings, timezone: str) -> Callable[[Schedule], Schedule]:
    """Build the function that adds what is expected to a schedule of an engine in this time zone."""

    def with_expectation(schedule: Schedule) -> Schedule:
        expect = resolve_expectation(settings, schedule.id, schedule.name, timezone=timezone)
        return replace(schedule, expect=expect)

    return with_expectation


def in_zone(settings: Settings, at: datetime) -> datetime:
    """Return the time with the zone of the settings, unless it has one."""
    return at if at.tzinfo else at.replace(tzinfo=settings.zone)


def recipient_resolver(settings: Settings) -> Callable[[Schedule], Schedule]:
    """Build the function that adds the recipients to a schedule of the engine.

    - A route, by the id or else the name of the schedule, turns notifications on and names the destinations.
      Every channel that reaches them is used.
    - Without a route, the switch and the channel of the schedule count. If the channel reaches no default
      destination, the default channel is used.
    """
    known = resolve_webhooks(settings)

    def with_recipients(schedule: Schedule) -> Schedule:
        start_notice = resolve_start_notice(settings, schedule.id, schedule.name)
        return _with_route(replace(schedule, start_notice=start_notice))

    def _with_route(schedule: Schedule) -> Schedule:
        routes = settings.notify.routes
        own = routes.get(schedule.id) or routes.get(schedule.name) or ()
        default = replace(schedule, notify_channel=Channel.DINGDING)
        if own:
            return _replace_recipients(settings, replace(default, notify_enable=True), own)
        chosen = _replace_recipients(
            settings, schedule, _default_recipients(settings, schedule.notify_channel)
        )
        if recipient_errors(settings, chosen, known):
            return _replace_recipients(settings, default, _default_recipients(settings, Channel.DINGDING))
        return chosen

    return with_recipients


def reported_resolver(settings: Settings) -> Callable[[Schedule], Schedule]:
    """Build the function that adds recipients and expectation to a schedule of another system.

    The first route whose pattern matches its slug or name tells who is notified. Without one nobody is. What
    the settings expect of it counts more than what its system says.
    """

    def resolve(schedule: Schedule) -> Schedule:
        slug = schedule.id.partition(":")[2]
        given = settings.api.schedules.get(slug)
        owner, notify_on = (given.owner, given.notify_on) if given else ("", None)
        expect = resolve_expectation(settings, slug, schedule.name)
        if expect != Expectation():
            schedule = replace(schedule, expect=expect)
        if notify_on:
            schedule = replace(schedule, notify_on=notify_on)
        schedule = replace(schedule, start_notice=resolve_start_notice(settings, slug, schedule.name))
        route = _first_match(settings.notify.routes, slug, schedule.name)
        if route is None:
            return replace(schedule, notify_enable=False)
        return _replace_recipients(settings, replace(schedule, notify_enable=True), route, owner=owner)

    return resolve


def _replace_recipients(
    settings: Settings, schedule: Schedule, recipients: Sequence[RecipientSettings], *, owner: str = ""
) -> Schedule:
    """Return the schedule with these recipients."""
    return replace(
        schedule,
        send_to=tuple(recipient.to for recipient in recipients),
        recipient_options=_recipient_options(settings, owner, recipients),
    )


def resolve_recipients(settings: Settings, schedule: ScheduleSettings) -> tuple[RecipientSettings, ...]:
    """Return the recipients of the schedule, of its route, or the default ones."""
    own = schedule.send_to or settings.notify.routes.get(schedule.name)
    return own or _default_recipients(settings, schedule.notify_channel)


def _default_recipients(settings: Settings, channel: Channel) -> tuple[RecipientSettings, ...]:
    """Return the default group, or else the default webhook robot."""
    ding = settings.dingding
    if ding.default_chat_id and channel is not Channel.WEBHOOK:
        return (RecipientSettings(to=Destination(kind=DestinationKind.GROUP, id=ding.default_chat_id)),)
    if ding.access_token:
        return (RecipientSettings(to=Destination(kind=DestinationKind.WEBHOOK, id="default")),)
    return ()


def _recipient_options(
    settings: Settings, owner: str, recipients: Sequence[RecipientSettings]
) -> tuple[RecipientOptions, ...]:
    return tuple(_options(settings, owner, each) for each in recipients if _has_options(each))


def _has_options(recipient: RecipientSettings) -> bool:
    return bool(recipient.notify_on or recipient.mention or recipient.file is not FileMode.ALWAYS)


def _options(settings: Settings, owner: str, recipient: RecipientSettings) -> RecipientOptions:
    stands_for = {OWNER: (owner,) if owner else (), ON_CALL: settings.notify.on_call}
    people = [each for name in recipient.mention for each in stands_for.get(name, (name,))]
    return RecipientOptions(
        to=recipient.to,
        notify_on=recipient.notify_on,
        mention=tuple(dict.fromkeys(people)),
        only_failed=recipient.mention_on == "failed",
        file=recipient.file,
    )


def resolve_webhooks(settings: Settings) -> dict[str, CustomRobot]:
    """Return the custom group robots by name."""
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
    """Map destinations to the webhook robot of the same group. The default robot is in the default group."""
    ding = settings.dingding
    pairs = dict(settings.notify.fallback_webhooks)
    if ding.default_chat_id and ding.access_token:
        pairs.setdefault(ding.default_chat_id, "default")
    return {
        key if ":" in key else f"group:{key}": Destination(kind=DestinationKind.WEBHOOK, id=name)
        for key, name in pairs.items()
    }


def resolve_operators(settings: Settings) -> tuple[Destination, ...]:
    """Return who gets operator alerts: those of `notify.operators`, or else the default destination."""
    if settings.notify.operator_destinations:
        return settings.notify.operator_destinations
    if settings.dingding.default_chat_id:
        return (Destination(kind=DestinationKind.GROUP, id=settings.dingding.default_chat_id),)
    if settings.dingding.access_token:
        return (Destination(kind=DestinationKind.WEBHOOK, id="default"),)
    return ()


def people_in(settings: Settings) -> tuple[str, ...]:
    """List the staffIds that the settings name, besides those in `access`."""
    people = [
        to.id for to in (*_destinations(settings), *settings.notify.operator_destinations) if to.is_person
    ]
    owners = [each.owner for each in settings.schedules]
    owners += [each.owner for each in settings.api.schedules.values()]
    return (*people, *settings.notify.on_call, *filter(None, owners))


def groups_in(settings: Settings) -> tuple[str, ...]:
    """List the groups that the settings name, besides those in `access`."""
    default = Destination(kind=DestinationKind.GROUP, id=settings.dingding.default_chat_id)
    groups = [to.id for to in (default, *_destinations(settings)) if to.is_group and to.id]
    by_webhook = (group for each in groups_of_webhooks(settings).values() for group in each)
    return tuple(dict.fromkeys([*groups, *by_webhook]))


def resolve_groups_by_app(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the groups that each app posts to, by the name of the app. "" is the app in `DINGDING`."""
    default = Destination(kind=DestinationKind.GROUP, id=settings.dingding.default_chat_id)
    found: dict[str, tuple[str, ...]] = {}
    for to in dict.fromkeys([default, *_destinations(settings), *settings.notify.operator_destinations]):
        if to.is_group and to.id and to.id not in found.get(to.app, ()):
            found[to.app] = (*found.get(to.app, ()), to.id)
    return found


def old_groups_in(settings: Settings) -> tuple[Destination, ...]:
    """List the groups that the settings name by an old chatId."""
    default = Destination(kind=DestinationKind.GROUP, id=settings.dingding.default_chat_id)
    groups = (to for to in (default, *_destinations(settings)) if to.is_group and to.id.startswith("chat"))
    return tuple(dict.fromkeys(groups))


def groups_of_webhooks(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the groups of the custom robots, as far as the fallbacks tell."""
    groups: dict[str, tuple[str, ...]] = {}
    for key, robot in resolve_fallback_webhooks(settings).items():
        group = Destination.parse(key)
        if group.is_group:
            groups[robot.id] = (*groups.get(robot.id, ()), group.id)
    return groups


def _destinations(settings: Settings) -> list[Destination]:
    """List the destinations of all schedules and routes."""
    destinations = [
        recipient.to for each in settings.schedules for recipient in resolve_recipients(settings, each)
    ]
    return destinations + [recipient.to for route in settings.notify.routes.values() for recipient in route]
