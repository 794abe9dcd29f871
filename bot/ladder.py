"""Where a way of telling is refused for good: the next one is taken, until the first works again."""

import json
import logging
from datetime import datetime, timedelta
from enum import StrEnum

from bot.errors import Temporary
from bot.models import Clock, Destination
from bot.notices import Notices
from bot.ports import Store

log = logging.getLogger(__name__)

TRY_AGAIN = timedelta(hours=1)  # what is refused costs a call and tells nobody anything


class Step(StrEnum):
    CARD = "card"  #: an interactive card
    MESSAGE = "message"  #: a markdown message of the app's robot, or a work notification


class Ladder:
    """Remembers which destinations refuse cards or messages (scope, template, robot not in the group), tries
    again from time to time, and tells the operators of both turns once."""

    def __init__(self, store: Store, notices: Notices, *, clock: Clock) -> None:
        self._store = store
        self._notices = notices
        self._clock = clock

    async def holds(self, step: Step, destination: Destination) -> bool:
        """False while this was refused for good lately."""
        fall = await self._fall(step, destination)
        return not fall or self._clock() - datetime.fromisoformat(fall["last"]) >= TRY_AGAIN

    async def fell(self, step: Step, destination: Destination, why: str) -> None:
        """It was refused for good."""
        now = self._clock().isoformat()
        fall = await self._fall(step, destination) or {"since": now}
        fall |= {"last": now, "why": why}
        await self._store.remember(_key(step, destination), json.dumps(fall, ensure_ascii=False))
        cause = f"fell:{step}:{destination}:{fall['since']}"
        await self._notices.tell(
            cause, "channel_fell", destination=str(destination), step=step.value, why=why
        )

    async def stands(self, step: Step, destination: Destination) -> None:
        """It was taken. A store that fails now must not make the caller send it again."""
        try:
            await self._heal(step, destination)
        except Temporary as error:
            log.warning("that %s reach %s again is not kept yet: %s", step, destination, error)

    async def _heal(self, step: Step, destination: Destination) -> None:
        fall = await self._fall(step, destination)
        if fall:
            await self._store.remember(_key(step, destination), "")
            cause = f"healed:{step}:{destination}:{fall['since']}"
            await self._notices.tell(cause, "channel_healed", destination=str(destination), step=step.value)

    async def _fall(self, step: Step, destination: Destination) -> dict[str, str]:
        found: dict[str, str] = json.loads(await self._store.recall(_key(step, destination)) or "{}")
        return found


def _key(step: Step, destination: Destination) -> str:
    return f"fallen:{step}:{destination}"
