"""Step 5: the first card in the group, which shows that everything works."""

import asyncio
import uuid

from bot.cli.audited import counted_channels
from bot.cli.init.dialogue import Dialogue
from bot.cli.init.watch import describe_watched
from bot.config.settings import Settings
from bot.errors import DingRunError
from bot.models import Destination, RenderedCard
from bot.wiring.policies import build_cards

CARD = "setup_card"


def send_first_card(dialogue: Dialogue, settings: Settings) -> bool:
    """Send a card to the default group. Returns False, after saying why, if DingTalk does not take it."""
    try:
        asyncio.run(_send(settings, render_first_card(settings, describe_watched(dialogue, settings))))
    except DingRunError as error:
        dialogue.say("card_failed", style="red", why=dialogue.explain(error))
        return False
    dialogue.say("card_sent", style="green")
    return True


def render_first_card(settings: Settings, watched: str) -> RenderedCard:
    """Render the card in the language of the settings."""
    cards = build_cards(settings)
    title, _, body = cards.reply(CARD, watched=watched).text.partition("\n")
    return cards.text_card(title.strip("*# "), body.strip())


async def _send(settings: Settings, card: RenderedCard) -> None:
    destination = Destination.parse(f"group:{settings.dingding.default_chat_id}")
    async with counted_channels(settings, "init") as channels:
        await channels.to(destination).send_card(destination, card, f"setup-{uuid.uuid4().hex}")
