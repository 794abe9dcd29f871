"""What changed from earlier runs to this one: streams sorted by key, merged as they come. Pure.

Memory holds the documents of two keys at a time. A stream that is not sorted breaks nothing, but then what
stands under one key may not meet: `Sorted.in_order` says so afterwards.
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
    """Who found a document. What is gone or changed can be said only where both sides saw all of it."""

    ELSEWHERE = "elsewhere"  #: earlier, at targets that this run did not cover
    EARLIER_PARTIAL = "earlier_partial"  #: earlier, by tasks that did not end well
    EARLIER = "earlier"  #: earlier, by the last task that covered a target which this run covered too
    PARTIAL = "partial"  #: this run, by tasks that did not end well
    CURRENT = "current"  #: this run, by tasks that ended well


@dataclass(frozen=True, kw_only=True)
class AssetSides:
    """What was found of one kind, by side; each stream is sorted by the key of the kind."""

    kind: str
    sides: Mapping[Side, Iterable[Document]]


class ChangeKind(StrEnum):
    NEW = "new"  #: this run found it, the one before did not
    GONE = "gone"  #: the run before found it, this one did not
    CHANGED = "changed"  #: both found it, and they differ


class SortedGroups:
    """Documents grouped by key as they come; remembers whether they came in order."""

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
    """What was found under one key, by side; a side that found nothing is left out."""

    key: Key
    sides: Mapping[Side, list[Document]]

    def of(self, *sides: Side) -> list[Document]:
        """Return what these sides found."""
        return [document for side in sides for document in self.sides.get(side, ())]

    @property
    def now(self) -> list[Document]:
        """Return what this run found."""
        return self.of(Side.CURRENT, Side.PARTIAL)

    @property
    def known(self) -> list[Document]:
        """Return all that was found before."""
        return self.before or self.of(Side.ELSEWHERE)

    @property
    def before(self) -> list[Document]:
        """Return what this run is compared with."""
        return self.of(Side.EARLIER) or self.of(Side.EARLIER_PARTIAL)

    @property
    def comparable(self) -> bool:
        """Whether it can be called gone, or changed: for the latter both sides must have seen all of it."""
        unknown = Side.ELSEWHERE in self.sides or Side.PARTIAL in self.sides
        seen_in_part = Side.EARLIER_PARTIAL in self.sides and Side.EARLIER not in self.sides
        return not unknown and not (self.now and seen_in_part)

    @property
    def same(self) -> bool:
        """Whether the run found exactly what was found before."""
        return self.now == self.before


def pair_assets(streams: Mapping[Side, Iterator[KeyedGroup]]) -> Iterator[PairedAsset]:
    """Merge the streams into one, in the order of their keys."""
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
    """One difference: of a thing that both runs found, in one column; else of the thing as a whole."""

    kind: ChangeKind
    name: Row  # the values that name the thing
    column: str = ""
    before: object = ""
    after: object = ""


def compare_rows(plan: SheetLayout, before: Row | None, after: Row | None) -> Iterator[Change]:
    """How one thing differs, from its rows of the two runs."""
    if before is None and after is not None:
        yield Change(ChangeKind.NEW, _name(plan, after), after=_describe(plan, after))
    elif after is None and before is not None:
        yield Change(ChangeKind.GONE, _name(plan, before), before=_describe(plan, before))
    elif before is not None and after is not None:
        for column, was, now in zip(plan.header, before, after, strict=True):
            if was != now and column not in plan.volatile_columns:
                yield Change(ChangeKind.CHANGED, _name(plan, after), column, was, now)


def _name(plan: SheetLayout, row: Row) -> Row:
    return [row[place] for place in plan.name_columns]


def _describe(plan: SheetLayout, row: Row) -> Sequence[object]:
    """Everything that is known of a thing, in lines of one cell."""
    return [(column, value) for column, value in zip(plan.header, row, strict=True) if value != ""]
