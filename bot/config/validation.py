"""Check combinations of settings, which no single key can tell. Pure."""

from collections.abc import Mapping, Sequence
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


def validate_combinations(settings: Settings) -> str:
    """Describe the first problem between several settings. "" if there is none.

    Destinations are not checked if DingTalk is not configured: then nothing is sent.
    """
    labels = own_schedules_of(settings)
    if settings.schedules and not _has_embedded(settings):
        kinds = " and ".join(dict.fromkeys(each.kind for each in settings.engine_sections.values()))
        return f"schedules belong to engine.kind embedded; with {kinds} they are {labels}'s own"
    if settings.api.keys and not settings.web.port:
        return "api.keys is set, but web.port is 0: nothing serves the API"
    if unknown := _unknown_route(settings):
        return unknown
    if not settings.configured:
        return ""
    known = resolve_webhooks(settings)
    for destination, robot in settings.notify.fallback_webhooks.items():
        if robot not in known:
            return f"notify.fallback_webhooks.{destination} names {robot}, which is not in notify.webhooks"
    has_other_schedules = bool(labels or settings.api.keys)
    routes_problem = _invalid_route(settings, known) if has_other_schedules else ""
    return _invalid_schedule(settings, known) or routes_problem


def own_schedules_of(settings: Settings) -> str:
    """Name the engines that have schedules of their own. "" if there is none."""
    labels = [each.label for each in settings.engine_sections.values() if each.has_own_schedules]
    return " and ".join(dict.fromkeys(labels))


def _has_embedded(settings: Settings) -> bool:
    return not all(each.has_own_schedules for each in settings.engine_sections.values())


def _invalid_schedule(settings: Settings, known: Mapping[str, object]) -> str:
    """Describe the first problem of a schedule."""
    for number, schedule in enumerate(resolve_schedules(settings)):
        if problem := _schedule_problem(settings, schedule, settings.schedules[number], known):
            return f"schedules[{number}].{problem} (schedule {schedule.name})"
    return ""


def _schedule_problem(
    settings: Settings, schedule: Schedule, section: ScheduleSettings, known: Mapping[str, object]
) -> str:
    """Describe the first problem of the recipients of a schedule, if it notifies anybody."""
    if not schedule.notify_enable:
        return ""
    return recipient_errors(settings, schedule, known) or _missing_mention(settings, section)


def _unknown_route(settings: Settings) -> str:
    """Describe a route without a schedule. Those of an engine with own schedules are not known yet."""
    if own_schedules_of(settings) or settings.api.keys:
        return ""
    names = [schedule.name for schedule in settings.schedules]
    unknown = next((route for route in settings.notify.routes if route not in names), "")
    return unknown and f"notify.routes.{unknown}: no schedule has this name{did_you_mean(unknown, names)}"


def _invalid_route(settings: Settings, known: Mapping[str, object]) -> str:
    """Describe the first problem of a route. Routes are the only settings of the engine's own schedules."""
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
            return f"notify.routes.{name}: {problem}"
    return ""


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
