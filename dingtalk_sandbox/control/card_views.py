"""A card whose template was exported from the card builder, as one viewer sees it."""

from dingtalk_sandbox.state import Card, SandboxState
from dingtalk_sandbox.templates.drawing.view import CardView, build_view
from dingtalk_sandbox.templates.scope import LANGUAGES, CardData


def card_data(card: Card, viewer: str, lang: str = "zh") -> CardData:
    return CardData(
        public=card.tap_variables.get(viewer, card.public),
        private=card.private.get(viewer, {}),
        local=card.local.get(viewer, {}),
        lang=lang if lang in LANGUAGES else "zh",
    )


def card_view(state: SandboxState, card: Card, viewer: str, lang: str = "zh") -> CardView | None:
    """Draw a card for a viewer. Returns None if its template has no export."""
    design = state.scenario.designs.get(card.template)
    return build_view(design, card_data(card, viewer, lang)) if design else None
