"""Two sorted streams become pairs; a pair of rows becomes what changed."""

from collections.abc import Iterator
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.assets.kinds import key_from
from bot.assets.values import Document
from bot.workbook.diff import Change, ChangeKind, PairedAsset, Side, SortedGroups, compare_rows, pair_assets
from bot.workbook.sheets import DOMAIN, SheetLayout

key = key_from("name")


def things(*names: str) -> list[Document]:
    return [{"name": name} for name in names]


def pairs(current: list[Document], earlier: list[Document]) -> list[PairedAsset]:
    return list(
        pair_assets({Side.EARLIER: SortedGroups(earlier, key), Side.CURRENT: SortedGroups(current, key)})
    )


def test_documents_with_one_key_are_paired() -> None:
    found = pairs(things("a", "b", "b", "d"), things("b", "c", "d"))
    assert [(pair.key, len(pair.now), len(pair.before)) for pair in found] == [
        (("a",), 1, 0), (("b",), 2, 1), (("c",), 0, 1), (("d",), 1, 1),
    ]  # fmt: skip


def test_streams_are_read_two_keys_ahead_at_most() -> None:
    taken: list[str] = []

    def stream() -> Iterator[Document]:
        for name in "abcd":
            taken.append(name)
            yield {"name": name}

    first = next(pair_assets({Side.CURRENT: SortedGroups(stream(), key)}))
    assert (first.key, taken) == (("a",), ["a", "b", "c"])


def test_keys_out_of_order_are_noticed() -> None:
    for names, in_order in (("abc", True), ("aab", True), ("ba", False), ("aba", False)):
        stream = SortedGroups(things(*names), key)
        list(stream)
        assert stream.in_order is in_order


NAMES = st.lists(st.text("abc", max_size=2), max_size=12).map(sorted)


@settings(derandomize=True)
@given(current=NAMES, earlier=NAMES)
def test_nothing_is_lost_and_nothing_meets_another(current: list[str], earlier: list[str]) -> None:
    found = pairs(things(*current), things(*earlier))
    assert [pair.key for pair in found] == [(name,) for name in sorted({*current, *earlier})]
    assert [each["name"] for pair in found for each in pair.now] == current
    assert [each["name"] for pair in found for each in pair.before] == earlier
    assert all(len(list(groupby([*pair.now, *pair.before], key))) == 1 for pair in found)


def test_a_change_names_thing_column_and_both_values() -> None:
    assert list(compare_rows(DOMAIN, ("d", "A", "1", ""), ("d", "CNAME", "1", "x"))) == [
        Change(ChangeKind.CHANGED, ["d"], "解析类型", "A", "CNAME"),
        Change(ChangeKind.CHANGED, ["d"], "关联ip", "", "x"),
    ]


def test_a_new_or_gone_asset_is_listed_with_all_columns() -> None:
    row = ("d", "A", "", "")
    told = [("域名", "d"), ("解析类型", "A")]
    assert list(compare_rows(DOMAIN, None, row)) == [Change(ChangeKind.NEW, ["d"], after=told)]
    assert list(compare_rows(DOMAIN, row, None)) == [Change(ChangeKind.GONE, ["d"], before=told)]
    assert list(compare_rows(DOMAIN, None, None)) == []


def test_a_volatile_column_does_not_count() -> None:
    plan = SheetLayout(title="x", header=("a", "at"), widths=(1, 1), volatile_columns=frozenset({"at"}))
    assert list(compare_rows(plan, ("1", "x"), ("1", "y"))) == []
