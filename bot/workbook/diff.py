"""Compare a run with earlier runs by merging streams that are sorted by key. Pure.

Memory holds the documents of two keys at a time. A stream that is not sorted raises nothing, but documents
with one key may then be missed. `SortedGroups.in_order` is False in that case.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from bot.assets.external_sort import Key
from bot.assets.values import Document
from bot.workbook.sheets import Row, SheetLayout

KeyedGroup = tuple[Key, list[Document]]


class Side(StrEnum):
    """Origin of a document. Only targets that both runs covered can have gone or changed assets."""

    ELSEWHERE = "elsewhere"  #: earlier, at targets that this run did not cover
    EARLIER_PARTIAL = "earlier_partial"  #: earlier, by tasks that did not end well
    EARLIER = "earlier"  #: earlier, by the last task that covered a target which this run covered too
    PARTIAL = "partial"  #: this run, by tasks that did not end well
    CURRENT = "current"  #: this run, by tasks that ended well


@dataclass(frozen=True, kw_only=True)
class AssetSides:
    """The documents of one kind, by side. Each stream is sorted by the key of the kind."""

    kind: str
    sides: Mapping[Side, Iterable[Document]]


class ChangeKind(StrEnum):
    """Kinds of change between the baseline and a run."""

    NEW = "new"  #: found by this run only
    GONE = "gone"  #: found by the baseline only
    CHANGED = "changed"  #: found by both, with differences


class SortedGroups:
    """Groups adjacent documents with the same key, and notices keys that are out of order."""

    def __init__(self, documents: Iterable[Document], key: Callable[[Document], Key]) -> None:
        self._groups = groupby(documents, key)
        self._last: Key = ()
        self.in_order = True

    def __iter__(self) -> Iterator[KeyedGroup]:
        return self

    def __next__(self) -> KeyedGroup:
        key, group = next(self._groups)
        self.in_order = self.in_order and key > self._last
        self._last = key
        return key, list(group)


@dataclass(frozen=True)
class PairedAsset:
    """The documents with one key, by side. Sides without any are left out."""

    key: Key
    sides: Mapping[Side, list[Document]]

    def of(self, *sides: Side) -> list[Document]:
        """Return the documents of these sides."""
        return [document for side in sides for document in self.sides.get(side, ())]

    @property
    def now(self) -> list[Document]:
        """Return the documents of this run."""
        return self.of(Side.CURRENT, Side.PARTIAL)

    @property
    def known(self) -> list[Document]:
        """Return the documents of all earlier runs."""
        return self.before or self.of(Side.ELSEWHERE)

    @property
    def before(self) -> list[Document]:
        """Return the documents of the baseline."""
        return self.of(Side.EARLIER) or self.of(Side.EARLIER_PARTIAL)

    @property
    def comparable(self) -> bool:
        """Return whether the asset can be gone or changed: both runs must have covered its target."""
        unknown = Side.ELSEWHERE in self.sides or Side.PARTIAL in self.sides
        seen_in_part = Side.EARLIER_PARTIAL in self.sides and Side.EARLIER not in self.sides
        return not unknown and not (self.now and seen_in_part)

    @property
    def same(self) -> bool:
        """Return whether the run found exactly what the baseline has."""
        return self.now == self.before


def pair_assets(streams: Mapping[Side, Iterator[KeyedGroup]]) -> Iterator[PairedAsset]:
    """Merge the streams, ordered by key."""
    labelled = [_labelled(side, stream) for side, stream in streams.items()]
    for key, group in groupby(heapq.merge(*labelled, key=_key), _key):
        sides: dict[Side, list[Document]] = {}
        for _, side, documents in group:
            sides.setdefault(side, []).extend(documents)
        yield PairedAsset(key, sides)


def _labelled(side: Side, stream: Iterator[KeyedGroup]) -> Iterator[tuple[Key, Side, list[Document]]]:
    for key, documents in stream:
        yield key, side, documents


def _key(labelled: tuple[Key, Side, list[Document]]) -> Key:
    return labelled[0]


@dataclass(frozen=True)
class Change:
    """One change: a column of an asset that both runs found, or a whole asset."""

    kind: ChangeKind
    name: Row  # the values that name the asset
    column: str = ""
    before: object = ""
    after: object = ""


def compare_rows(layout: SheetLayout, before: Row | None, after: Row | None) -> Iterator[Change]:
    """Yield the changes of one asset between its rows in the baseline and in this run."""
    if before is None and after is not None:
        yield Change(ChangeKind.NEW, _name(layout, after), after=_describe(layout, after))
    elif after is None and before is not None:
        yield Change(ChangeKind.GONE, _name(layout, before), before=_describe(layout, before))
    elif before is not None and after is not None:
        for column, was, now in zip(layout.header, before, after, strict=True):
            if was != now and column not in layout.volatile_columns:
                yield Change(ChangeKind.CHANGED, _name(layout, after), column, was, now)


def _name(layout: SheetLayout, row: Row) -> Row:
    return [row[place] for place in layout.name_columns]


def _describe(layout: SheetLayout, row: Row) -> Sequence[object]:
    """Return all columns of an asset that have a value, for one cell."""
    return [(column, value) for column, value in zip(layout.header, row, strict=True) if value != ""]
