"""Rescues: the branches that are taken only after a crash, a lost answer or a fault outside.

Each branch is counted where it is taken, as `dingrun_rescues_total`. Campaigns that let things go wrong sum
the counts: a branch that is never taken there has not been tried. `docs/evidence.md` lists all of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum


class Rescue(StrEnum):
    """A branch that repairs something."""

    LEASE_EXPIRED = "lease_expired"  #: a job is repeated whose process died
    SENDING_UNKNOWN = "sending_unknown"  #: a process died while sending: unconfirmed, not repeated
    ANSWER_LOST = "answer_lost"  #: the answer to a request was lost that must not be repeated: unconfirmed
    CLAIM_LOST = "claim_lost"  #: another process has the job, so this one leaves it
    OUTCOME_NOT_STORED = "outcome_not_stored"  #: the store failed after the work, so it is repeated
    CARD_EXISTED = "card_existed"  #: an earlier attempt had created the card
    CARD_UNDELIVERED = "card_undelivered"  #: a card was created and not shown, so it is delivered
    TEXT_KNOWN = "text_known"  #: DingTalk drops a work notification that an earlier attempt delivered
    TEMPLATE_REPLACED = "template_replaced"  #: DingTalk refused a template: the public one is used
    MESSAGE_FOR_CARD = "message_for_card"  #: a message is sent for a card that was given up
    DIGEST_MISSED = "digest_missed"  #: a digest was sent without a summary, which chooses another one
    BREAKER_OPENED = "breaker_opened"  #: a channel or destination rejects, and is left alone for an hour
    BREAKER_CLOSED = "breaker_closed"  #: it accepts again
    TOKEN_RENEWED = "token_renewed"  # noqa: S105 #: DingTalk refused an access token before its end
    CONSEQUENCES_REPAIRED = "consequences_repaired"  #: a process died between a job and what follows from it
    MESSAGE_REDELIVERED = "message_redelivered"  #: DingTalk delivered a message again, which is ignored
    TAP_REPEATED = "tap_repeated"  #: a tap came again, which is answered and not executed
    RUN_KNOWN = "run_known"  #: a run was triggered again by the same cause, which is the same run
    SUBMIT_REPAIRED = "submit_repaired"  #: a run without tasks and without its job is submitted or ended
    TASK_REPEATED = "task_repeated"  #: a task of the embedded engine is repeated whose process ended
    MISFIRE_RUN = "misfire_run"  #: a time passed while the service was down, and its run is started late
    CLOCK_SET_BACK = "clock_set_back"  #: a clock was ahead, and what it delayed is released
    EXPORT_CHILD_DIED = "export_child_died"  #: the process died that writes a report
    UNFINISHED_REMOVED = "unfinished_removed"  #: a file is removed whose export died
    REPORT_CHANGED = "report_changed"  #: a file is not the one that was recorded, and is not served
    REQUEST_RESUMED = "request_resumed"  #: an export goes on with the request of an earlier attempt
    WORKER_REPLACED = "worker_replaced"  #: another worker is called for a request whose worker died


CountRescue = Callable[[Rescue], None]


def _ignore(path: Rescue) -> None:
    """Count nothing."""


_count: ContextVar[CountRescue] = ContextVar("rescues", default=_ignore)


@contextmanager
def counting_rescues(count: CountRescue) -> Iterator[None]:
    """Count the rescues of all that is started inside."""
    token = _count.set(count)
    try:
        yield
    finally:
        _count.reset(token)


def count_rescue(path: Rescue) -> None:
    """Count a rescue."""
    _count.get()(path)
