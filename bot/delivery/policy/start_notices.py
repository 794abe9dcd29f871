"""Plan the cards that are sent when a run starts, and that become its summaries. Pure.

A card that shows "running" must be updated when the run ends. So it is sent only where the run is notified of
however it ends, and where nobody is mentioned: an update mentions nobody.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.delivery.payload import DeliveryPayload, DeliveryResult, destination_of
from bot.delivery.plan import delivery_job
from bot.delivery.recipients import all_recipients, options_for
from bot.models import NULL_DESTINATION, Destination, Job, JobState, NotifyOn, Run

ALWAYS_NOTIFIED = frozenset({NotifyOn.ALWAYS, NotifyOn.FINISHED})


def start_recipients(run: Run) -> Sequence[Destination]:
    """Return the destinations that get a card when a run starts."""
    schedule = run.schedule
    if not (schedule.start_notice and schedule.notify_enable):
        return ()
    return [each for each in all_recipients(run) if each != NULL_DESTINATION and _gets_card(run, each)]


def _gets_card(run: Run, destination: Destination) -> bool:
    options = options_for(run.schedule, destination)
    notify_on = options.notify_on or run.schedule.notify_on
    return destination.takes_cards and notify_on in ALWAYS_NOTIFIED and not options.mention


def start_jobs(run: Run, now: datetime) -> Sequence[Job]:
    """Return the jobs that send a card when a run starts."""
    return [
        delivery_job("start", run.id, DeliveryPayload(destination=destination), now)
        for destination in start_recipients(run)
    ]


def shows_running(start: Job) -> bool:
    """Return whether a card was sent when the run started, and awaits its update."""
    result = DeliveryResult.of(start)
    return start.state is JobState.DONE and not (result.skipped or result.silent)


def awaiting_update(starts: Sequence[Job]) -> Sequence[Destination]:
    """Return the destinations whose cards show that a run is running, or may do so in a moment."""
    return [destination_of(each) for each in starts if shows_running(each) or not each.state.ended]
