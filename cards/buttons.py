"""The buttons of a card, as the handlers declare them: label, color, rank, and when a button is shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from cards.card_template import CardButton
from cards.summary import SummaryView

MAX_BUTTONS = 4  # on one card


class ButtonColor(StrEnum):
    BLUE = "blue"  #: the usual next step
    GRAY = "gray"  #: another step
    RED = "red"  #: something is wrong, or access is taken away


class ButtonPlace(StrEnum):
    BUTTONS = "buttons"  #: below the text of every card
    ROW = "row"  #: in each row of the failures, on our own template
    FORM = "form"  #: under the form of targets, on our own template


class ButtonRank(IntEnum):
    """Place of a button on a card. The first `MAX_BUTTONS` are shown; all have commands."""

    STOP = 10  #: of a run that has not ended
    REPAIR = 20  #: sends or makes what is missing
    RETRY = 30  #: repeats what failed
    REPORT = 40
    RERUN = 50
    ACKNOWLEDGE = 60
    MUTE = 70
    OTHER = 80


@dataclass(frozen=True, kw_only=True)
class ButtonDesign:
    """Label and color of a button by language, and the cards on which it is shown."""

    action: str
    label: Mapping[str, str]
    color: ButtonColor
    is_shown: Callable[[SummaryView], bool]
    rank: ButtonRank = ButtonRank.OTHER
    place: ButtonPlace = ButtonPlace.BUTTONS

    def draw(self, lang: str) -> CardButton:
        """Return the button as a card template takes it."""
        return CardButton(id=self.action, text=self.label[lang], color=self.color.value)


def choose_buttons(designs: Sequence[ButtonDesign], view: SummaryView) -> Sequence[ButtonDesign]:
    """Choose the buttons that fit the state of a run, by rank, at most `MAX_BUTTONS`."""
    below = (design for design in designs if design.place is ButtonPlace.BUTTONS)
    shown = (design for design in below if design.is_shown(view))
    return sorted(shown, key=lambda design: design.rank)[:MAX_BUTTONS]


def draw_buttons(designs: Sequence[ButtonDesign], view: SummaryView, lang: str) -> list[CardButton]:
    """Return the buttons of one card."""
    return [design.draw(lang) for design in choose_buttons(designs, view)]
