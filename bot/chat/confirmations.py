"""Let a person confirm a tap by a second tap, and refuse taps on cards that are too old.

A card shows the state in which it was sent. Meanwhile the schedule may have run again, or weeks have passed.
The question is shown to the tapper alone, and costs no call. It is kept in the store, so that the second tap
may reach another bot.
"""

from datetime import timedelta

from bot.chat.requests import TapRequest
from bot.errors import ConfirmationNeeded, UserError
from bot.models import Clock, Reservation, Run, deterministic_id
from bot.ports import ReservationStore

CONFIRMATION_TTL = timedelta(seconds=60)
MIN_CONFIRMATION_DELAY = timedelta(seconds=1)  # a tap that follows sooner is a double tap, not an answer


class TapConfirmations:
    """The questions that wait for a second tap. `ttl` is how long the buttons of a card work."""

    def __init__(self, reservations: ReservationStore, *, clock: Clock, ttl: timedelta) -> None:
        self._reservations = reservations
        self._clock = clock
        self._ttl = ttl

    def ensure_fresh(self, run: Run) -> None:
        """Refuse an act on a card that is too old.

        Raises:
            UserError: The buttons of the card have expired.
        """
        if self._clock() - (run.end_time or run.start_time) > self._ttl:
            raise UserError("card_expired", schedule=run.schedule_name)

    async def is_answer(self, request: TapRequest, question: ConfirmationNeeded) -> bool:
        """Return whether this tap answers the question, which the same person was asked. Else ask it."""
        tap, now = request.tap, self._clock()
        asked = await self._reservations.reserve(
            Reservation(
                key=f"confirm:{tap.card_id}:{tap.action}:{tap.user.id}",
                owner=_owner(request, question),
                since=now,
                until=now + CONFIRMATION_TTL,
            )
        )
        if asked.owner != _owner(request, question):  # the state has changed since it was asked
            await self._reservations.release(asked.key, asked.owner)
            return await self.is_answer(request, question)
        return now - asked.since >= MIN_CONFIRMATION_DELAY


def _owner(request: TapRequest, question: ConfirmationNeeded) -> str:
    """Return what is asked, in every detail: a tap answers the question that the person has seen."""
    return deterministic_id("", request.key, question.phrase, repr(sorted(question.values.items())))
