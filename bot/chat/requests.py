"""Requests of a person: a command in a message, or a tap on a card, with the access of that person."""

from dataclasses import dataclass

from bot.chat.access import Access
from bot.models import CardTap, Message, Run


@dataclass(frozen=True, kw_only=True)
class CommandRequest:
    """A command in a message."""

    message: Message
    access: Access
    argument: str = ""  # a name or an id, as the person wrote it; "" for none
    confirmed: bool = False  # the person was asked, and confirmed


@dataclass(frozen=True, kw_only=True)
class TapRequest:
    """A tap on a button of the card of a run."""

    tap: CardTap
    run: Run
    access: Access
    key: str = ""  # id of the job that processes the tap, also before it is stored
    confirmed: bool = False  # the person was asked, and confirmed
