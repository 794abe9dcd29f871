"""The spool puts items in order on disk."""

from bot.spool import AT_ONCE, Spool
from bot.values import ip_order


def test_items_come_back_in_the_order_of_their_places() -> None:
    count = AT_ONCE * 2 + 7
    numbers = [number * 613 % count for number in range(count)]
    with Spool() as spool:
        for number in numbers:
            spool.add(number.to_bytes(4), ["\ud800", number])
        assert [number for _, number in spool] == sorted(numbers)


def test_items_of_one_place_keep_their_order() -> None:
    with Spool() as spool:
        for number in range(AT_ONCE + 5):
            spool.add(b"", number)
        assert list(spool) == list(range(AT_ONCE + 5))


def test_addresses_order_by_number_and_come_before_anything_else() -> None:
    mixed = ["", "x\ud800", "10.0.0.1", "::2", "9.0.0.1", "::1:0", "1.1.1.10", "1.1.1.2", "a\0b"]
    assert sorted(mixed, key=ip_order) == [
        "1.1.1.2", "1.1.1.10", "9.0.0.1", "10.0.0.1", "::2", "::1:0", "", "a\0b", "x\ud800",
    ]  # fmt: skip
