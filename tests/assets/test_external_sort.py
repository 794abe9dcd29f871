"""Items are put in order on disk, with flat memory."""

from bot.assets.external_sort import ExternalSort
from bot.assets.values import ip_order


def test_items_come_back_in_the_order_of_their_keys() -> None:
    numbers = [number * 613 % 1_007 for number in range(1_007)]
    with ExternalSort(chunk=64, fan_in=4) as sort:
        for number in numbers:
            sort.add((f"{number:05}", "\ud800"), ["\ud800", number])
        assert [item for _, item in sort] == [["\ud800", number] for number in sorted(numbers)]


def test_items_of_one_key_keep_their_order() -> None:
    with ExternalSort(chunk=5, fan_in=3) as sort:
        sort.extend((("same",), number) for number in range(203))
        assert [item for _, item in sort] == list(range(203))


def test_many_chunks_become_few_files() -> None:
    with ExternalSort(chunk=1, fan_in=3) as sort:
        most = 0
        for number in range(100):
            sort.add((f"{number * 37 % 100:03}",), number)
            most = max(most, sort.open_files)
        assert [key for (key,), _ in sort] == [f"{number:03}" for number in range(100)]
    assert most <= 2 * 5  # levels up to 3 to the power of 4


def test_a_key_of_several_fields_is_compared_field_by_field() -> None:
    keys = [("b", "a"), ("a\0", "z"), ("a", "z"), ("", "zz")]
    with ExternalSort(chunk=2) as sort:
        sort.extend((key, None) for key in keys)
        assert [key for key, _ in sort] == sorted(keys)


def test_addresses_order_by_number_and_come_before_anything_else() -> None:
    mixed = ["", "x\ud800", "10.0.0.1", "::2", "9.0.0.1", "::1:0", "1.1.1.10", "1.1.1.2", "a\0b"]
    assert sorted(mixed, key=ip_order) == [
        "1.1.1.2", "1.1.1.10", "9.0.0.1", "10.0.0.1", "::2", "::1:0", "", "a\0b", "x\ud800",
    ]  # fmt: skip
