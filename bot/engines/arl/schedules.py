"""ARL's schedules as ours. Pure."""

from datetime import UTC, datetime
from typing import TypeVar

from cronsim import CronSim, CronSimError

from bot.engines.arl.documents import FUTURE, Document, at_epoch, targets_of
from bot.models import Channel, NotifyOn, Schedule, ScheduleState

Word = TypeVar("Word", Channel, NotifyOn)

CRON_FIELDS = 5
STATES = {"scheduled": ScheduleState.ACTIVE, "stop": ScheduleState.STOPPED}
DAY_OF_MONTH, DAY_OF_WEEK = 2, 4


def parse_schedule(document: Document) -> Schedule:
    """A schedule of ARL. Whom it tells, our settings say; a fork says whether: what is absent is off."""
    waits = document.get("status") == "scheduled"
    once = document.get("schedule_type") == FUTURE
    return Schedule(
        id=document["_id"],
        name=str(document.get("name")),
        cron=readable_cron(str(document.get("cron") or "")) if waits and not once else "",
        at=at_epoch(document.get("start_time")) if waits and once else None,
        state=STATES.get(str(document.get("status")), ScheduleState.OVER),
        targets=targets_of(document.get("target")),
        notify_enable=document.get("notify_enable") is True,
        notify_channel=_word(Channel.DINGDING, document.get("notify_channel")),
        notify_on=_word(NotifyOn.FINISHED, document.get("notify_on")),
    )


def _word(default: Word, value: object) -> Word:
    """The word of this kind, or the default for any other."""
    try:
        return type(default)(str(value))
    except ValueError:
        return default


def readable_cron(cron: str) -> str:
    """The cron line where it means to us what it means to ARL, else "".

    ARL takes six and seven fields, and days of month and week together where everyone else takes either.
    """
    fields = cron.split()
    if len(fields) != CRON_FIELDS or (fields[DAY_OF_MONTH] != "*" and fields[DAY_OF_WEEK] != "*"):
        return ""
    try:
        CronSim(cron, datetime.now(UTC))
    except CronSimError:
        return ""
    return cron


def of_record(record: Document) -> Schedule:
    """The schedule of a run whose schedule is gone; nobody can be asked any more whether it tells."""
    return Schedule(id=str(record.get("schedule_id")), name=str(record.get("schedule_name")))
