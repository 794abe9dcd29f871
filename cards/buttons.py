"""The buttons of a card, as the handlers declare them: label, color, and when a button is shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cards.card_template import CardButton
from cards.summary import SummaryView


class ButtonColor(StrEnum):
    BLUE = "blue"  #: the usual next step
    GRAY = "gray"  #: another step
    RED = "red"  #: something is wrong, or access is taken away


@dataclass(frozen=True, kw_only=True)
class ButtonDesign:
    """Label and color of a button by language, and the cards on which it is shown."""

    action: str
    label: Mapping[str, str]
    color: ButtonColor
    is_shown: Callable[[SummaryView], bool]

    def draw(self, lang: str) -> CardButton:
        """Return the button as a card template takes it."""
        return CardButton(id=self.action, text=self.label[lang], color=self.color.value)


def draw_buttons(designs: Sequence[ButtonDesign], view: SummaryView, lang: str) -> list[CardButton]:
    """Return the buttons of one card, in the order of their declarations."""
    return [design.draw(lang) for design in designs if design.is_shown(view)]
