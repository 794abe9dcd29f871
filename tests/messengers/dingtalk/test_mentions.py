"""Mentions in messages and cards."""

from bot.messengers.dingtalk.mentions import MAX_MENTIONS, card_mentions, mentioned_people, webhook_mentions


def test_a_webhook_mentions_mobile_numbers_and_staff_ids_apart() -> None:
    mentions = webhook_mentions(("user01", "13800000000", "all"))
    assert mentions == {"atMobiles": ["13800000000"], "atUserIds": ["user01"], "isAtAll": True}


def test_a_card_mentions_staff_ids_only() -> None:
    assert card_mentions(("user01", "13800000000")) == {"atUserIds": {"user01": "user01"}}
    assert card_mentions(("13800000000",)) == {}


def test_a_card_that_mentions_all_mentions_nobody_by_name() -> None:
    assert card_mentions(("all", "user01")) == {"atUserIds": {"@ALL": "@ALL"}}


def test_a_message_mentions_a_limited_number_of_people() -> None:
    assert len(mentioned_people([str(number) for number in range(100)])) == MAX_MENTIONS
