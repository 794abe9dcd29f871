"""Check combinations of settings, which no single key can tell. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.config.notify import RecipientSettings
from bot.config.recipient_rules import recipient_errors
from bot.config.resolve import (
    ON_CALL,
    OWNER,
    in_zone,
    recipient_resolver,
    resolve_operators,
    resolve_recipients,
    resolve_schedules,
    resolve_webhooks,
)
from bot.config.schedules import ScheduleSettings
from bot.config.settings import Settings
from bot.config.types import did_you_mean
from bot.models import Schedule

KeyPath = tuple[int | str, ...]  # of a setting in the tree, as in `("schedules", 0, "cron")`


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Problem between several settings.

    - `place`: the setting to look at first.
    - `text`: the key, and what is wrong.
    """

    place: KeyPath
    text: str


def find_conflicts(settings: Settings) -> Iterator[Conflict]:
    """Yield the problems between several settings.

    Destinations are not checked if DingTalk is not configured: then nothing is sent.
    """
    labels = own_schedules_of(settings)
    if settings.schedules and not _has_embedded(settings):
        kinds = " and ".join(dict.fromkeys(each.kind for each in settings.engine_sections.values()))
        text = f"schedules belong to engine.kind embedded; with {kinds} they are {labels}'s own"
        yield Conflict(place=("schedules",), text=text)
    if settings.api.keys and not settings.web.port:
        text = "api.keys is set, but web.port is 0: nothing serves the API"
        yield Conflict(place=("api", "keys"), text=text)
    yield from _unknown_routes(settings)
    if settings.configured:
        yield from _conflicts_of_destinations(settings)


def _conflicts_of_destinations(settings: Settings) -> Iterator[Conflict]:
    known = resolve_webhooks(settings)
    for destination, robot in settings.notify.fallback_webhooks.items():
        if robot not in known:
            yield Conflict(
                place=("notify", "fallback_webhooks", destination),
                text=f"notify.fallback_webhooks.{destination} names {robot}, which is not in notify.webhooks"
                f"{did_you_mean(robot, list(known))}",
            )
    yield from _invalid_schedules(settings, known)
    if own_schedules_of(settings) or settings.api.keys:
        yield from _invalid_routes(settings, known)


def own_schedules_of(settings: Settings) -> str:
    """Name the engines that have schedules of their own. "" if there is none."""
    labels = [each.label for each in settings.engine_sections.values() if each.has_own_schedules]
    return " and ".join(dict.fromkeys(labels))


def _has_embedded(settings: Settings) -> bool:
    return not all(each.has_own_schedules for each in settings.engine_sections.values())


def _invalid_schedules(settings: Settings, known: Mapping[str, object]) -> Iterator[Conflict]:
    """Yield the first problem of each schedule."""
    for number, schedule in enumerate(resolve_schedules(settings)):
        if problem := _schedule_problem(settings, schedule, settings.schedules[number], known):
            key = re.split(r"\W", problem)[0]
            yield Conflict(
                place=("schedules", number, key),
                text=f"schedules[{number}].{problem} (schedule {schedule.name})",
            )


def _schedule_problem(
    settings: Settings, schedule: Schedule, section: ScheduleSettings, known: Mapping[str, object]
) -> str:
    """Describe the first problem of the recipients of a schedule, if it notifies anybody."""
    if not schedule.notify_enable:
        return ""
    return recipient_errors(settings, schedule, known) or _missing_mention(settings, section)


def _unknown_routes(settings: Settings) -> Iterator[Conflict]:
    """Yield routes without a schedule. Those of an engine with own schedules are not known yet."""
    if own_schedules_of(settings) or settings.api.keys:
        return
    names = [schedule.name for schedule in settings.schedules]
    for route in settings.notify.routes:
        if route not in names:
            text = f"notify.routes.{route}: no schedule has this name{did_you_mean(route, names)}"
            yield Conflict(place=("notify", "routes", route), text=text)


def _invalid_routes(settings: Settings, known: Mapping[str, object]) -> Iterator[Conflict]:
    """Yield the first problem of each route, the only setting of the engine's own schedules."""
    labels = own_schedules_of(settings)
    missing = f"{labels}'s schedules have no owner" if labels else "the schedule may have no owner"
    with_recipients = recipient_resolver(settings)
    named = {schedule.name for schedule in settings.schedules}  # checked as schedules
    for name, recipients in settings.notify.routes.items():
        if name in named:
            continue
        problem = recipient_errors(settings, with_recipients(Schedule(id=name, name=name)), known)
        problem = problem or _unresolved_mention(settings, recipients, owner="", missing=missing)
        if problem:
            yield Conflict(place=("notify", "routes", name), text=f"notify.routes.{name}: {problem}")


def _missing_mention(settings: Settings, schedule: ScheduleSettings) -> str:
    recipients = resolve_recipients(settings, schedule)
    return _unresolved_mention(
        settings, recipients, owner=schedule.owner, missing="the schedule has no owner"
    )


def _unresolved_mention(
    settings: Settings, recipients: Sequence[RecipientSettings], *, owner: str, missing: str
) -> str:
    """Describe a mention that stands for nobody."""
    words = {word for recipient in recipients for word in recipient.mention}
    if OWNER in words and not owner:
        return f"send_to mentions {OWNER}, but {missing}"
    if ON_CALL in words and not settings.notify.on_call:
        return f"send_to mentions {ON_CALL}, but notify.{ON_CALL} is empty"
    return ""


def settings_warnings(settings: Settings, now: datetime) -> Sequence[str]:
    """List settings that are valid but may be mistakes. The start logs them, `dingrun check` prints them."""
    warnings = [
        f"schedules[{number}].at: {schedule.name} was to run at {schedule.at:%Y-%m-%d %H:%M}, which is past:"
        " it runs only if the service knew of it before"
        for number, schedule in enumerate(settings.schedules)
        if schedule.at and in_zone(settings, schedule.at) <= now
    ]
    if settings.configured and not resolve_operators(settings):
        warnings.append("notify.operators is empty and there is no default group: nobody hears of troubles")
    if settings.dingding.app_key and not _somebody_may_act(settings):
        warnings.append(
            "access names no operator: everybody may only look. Send whoami to the robot, and add the staffId"
            " that it answers: access: {operators: [staffId]}"
        )
    return warnings


def _somebody_may_act(settings: Settings) -> bool:
    access = settings.access
    return bool(access.admins or access.operators or any(rule.role != "viewer" for rule in access.rules))
