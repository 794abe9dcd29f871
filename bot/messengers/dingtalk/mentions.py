"""Mentions of people in messages and cards."""

import re
from collections.abc import Sequence
from typing import Any

EVERYONE = "all"
MAX_MENTIONS = 50  # people per message


def is_mobile(person: str) -> bool:
    """Return True for a mobile number, such as 13800000000 or +852-90000000, and False for a staffId."""
    return re.fullmatch(r"1\d{10}|\+\d{1,4}-\d{5,13}", person) is not None


def mentioned_people(mention: Sequence[str]) -> list[str]:
    """Return the people of a mention that fit into one message."""
    return [each for each in mention if each != EVERYONE][:MAX_MENTIONS]


def webhook_mentions(mention: Sequence[str]) -> dict[str, Any]:
    """Build the field `at` of a webhook message (0717)."""
    people = mentioned_people(mention)
    mobiles = [each for each in people if is_mobile(each)]
    return {
        "atMobiles": mobiles,
        "atUserIds": [each for each in people if each not in mobiles],
        "isAtAll": EVERYONE in mention,
    }


def card_mentions(mention: Sequence[str]) -> dict[str, Any]:
    """Build the mentions of a card in a group (0783, atUserIds). Mobile numbers are not supported."""
    if EVERYONE in mention:
        return {"atUserIds": {"@ALL": "@ALL"}}
    known = {person: person for person in mention if not is_mobile(person)}
    return {"atUserIds": known} if known else {}
