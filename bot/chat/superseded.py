"""Tell taps on the card of the newest run of a schedule from taps on older cards."""

from bot.chat.context import Context
from bot.chat.requests import TapRequest
from bot.errors import ConfirmationNeeded
from bot.models import Run


async def ensure_newest(ctx: Context, request: TapRequest) -> None:
    """Ask whether a tap is meant, if the schedule has run again since the card was sent.

    Raises:
        ConfirmationNeeded: A later run has taken the place of the run of the card.
    """
    if request.confirmed:
        return
    newest = await ctx.runs.find_last(request.run.schedule_id)
    if newest and newest.id != request.run.id:
        raise ConfirmationNeeded(
            "tap_superseded", schedule=newest.schedule_name, ordinal=newest.ordinal, run=newest.id
        )


async def newest_run(ctx: Context, run: Run) -> str:
    """Return the id of the newest run of the schedule: after it, the same tap is another request."""
    newest = await ctx.runs.find_last(run.schedule_id)
    return newest.id if newest else ""
