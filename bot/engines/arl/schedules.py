"""Converts schedules of ARL. Pure."""

from datetime import UTC, datetime
from typing import TypeVar

from cronsim import CronSim, CronSimError

from bot.engines.arl.documents import FUTURE, Document, parse_epoch, parse_targets
from bot.models import Channel, NotifyOn, Schedule, ScheduleState

Member = TypeVar("Member", Channel, NotifyOn)

CRON_FIELDS = 5
STATES = {"scheduled": ScheduleState.ACTIVE, "stop": ScheduleState.STOPPED}
DAY_OF_MONTH, DAY_OF_WEEK = 2, 4


def parse_schedule(document: Document) -> Schedule:
    """Convert a schedule of ARL, without recipients: those are in our settings.

    Whether it notifies is known from a fork. Where the field is absent, notifications are off.
    """
    is_scheduled = document.get("status") == "scheduled"
    once = document.get("schedule_type") == FUTURE
    return Schedule(
        id=document["_id"],
        name=str(document.get("name")),
        cron=readable_cron(str(document.get("cron") or "")) if is_scheduled and not once else "",
        at=parse_epoch(document.get("start_time")) if is_scheduled and once else None,
        state=STATES.get(str(document.get("status")), ScheduleState.OVER),
        targets=parse_targets(document.get("target")),
        notify_enable=document.get("notify_enable") is True,
        notify_channel=_member(Channel.DINGDING, document.get("notify_channel")),
        notify_on=_member(NotifyOn.FINISHED, document.get("notify_on")),
    )


def _member(default: Member, value: object) -> Member:
    """Return the member with this value, or the default."""
    try:
        return type(default)(str(value))
    except ValueError:
        return default


def readable_cron(cron: str) -> str:
    """Return the cron line if it has the same meaning for cronsim, else "".

    ARL accepts six and seven fields, and requires both the day of month and the day of week to match where
    others require one of them.
    """
    fields = cron.split()
    if len(fields) != CRON_FIELDS or (fields[DAY_OF_MONTH] != "*" and fields[DAY_OF_WEEK] != "*"):
        return ""
    try:
        CronSim(cron, datetime.now(UTC))
    except CronSimError:
        return ""
    return cron


def schedule_from_record(record: Document) -> Schedule:
    """Build the schedule of a run record whose schedule is deleted. It has no notifications."""
    return Schedule(id=str(record.get("schedule_id")), name=str(record.get("schedule_name")))
