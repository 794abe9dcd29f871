"""Choose the cards that appear without a notification. Pure."""

from bot.delivery.recipients import mentions
from bot.models import Destination, Run
from cards.summary import MARK_SUCCESS, mark_of


def is_silent(run: Run, destination: Destination) -> bool:
    """Return whether nobody needs to look at a run now: it succeeded, and so did the run before.

    A card that mentions somebody, or that was asked for in this conversation, is never silent.
    """
    expected = destination == run.asked_in or bool(mentions(run, destination))
    was_well = run.trend is not None and run.trend.was_well is True
    return run.well is True and was_well and not expected and mark_of(run) == MARK_SUCCESS
