"""What changed from one run to the next: two streams sorted by key, merged as they come. Pure.

Memory holds the documents of one key at a time. A stream that is not sorted breaks nothing, but then what
stands under one key may not meet: `Sorted.held` says so afterwards.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from bot.assets.external_sort import Key
from bot.sheets import Row, SheetPlan
from bot.values import Document

Keyed = tuple[Key, list[Document]]


@dataclass(frozen=True, kw_only=True)
class Finds:
    """What two runs found of one kind, each sorted by the key of the kind; `theirs` is the run before."""

    kind: str
    mine: Iterable[Document]
    theirs: Iterable[Document] = ()


class Verdict(StrEnum):
    NEW = "new"  #: this run found it, the one before did not
    GONE = "gone"  #: the run before found it, this one did not
    CHANGED = "changed"  #: both found it, and they differ


class Sorted:
    """Documents grouped by key as they come; remembers whether they came in order."""

    def __init__(self, documents: Iterable[Document], key: Callable[[Document], Key]) -> None:
        self._groups = groupby(documents, key)
        self._last: Key = ()
        self.held = True

    def __iter__(self) -> Iterator[Keyed]:
        return self

    def __next__(self) -> Keyed:
        key, group = next(self._groups)
        self.held = self.held and key > self._last
        self._last = key
        return key, list(group)


@dataclass(frozen=True)
class Pair:
    """What this run and the one before found under one key; an empty list for nothing."""

    key: Key
    mine: list[Document]
    theirs: list[Document]

    @property
    def same(self) -> bool:
        """Whether both found exactly the same."""
        return self.mine == self.theirs


def paired(mine: Iterator[Keyed], theirs: Iterator[Keyed]) -> Iterator[Pair]:
    """Both streams as one, in the order of their keys."""
    here, there = next(mine, None), next(theirs, None)
    while here is not None or there is not None:
        if here is not None and (there is None or here[0] < there[0]):
            yield Pair(*here, [])
            here = next(mine, None)
        elif there is not None and (here is None or there[0] < here[0]):
            yield Pair(there[0], [], there[1])
            there = next(theirs, None)
        elif here is not None and there is not None:
            yield Pair(*here, there[1])
            here, there = next(mine, None), next(theirs, None)


@dataclass(frozen=True)
class Change:
    """One difference: of a thing that both runs found, in one column; else of the thing as a whole."""

    verdict: Verdict
    name: Row  # the values that name the thing
    column: str = ""
    before: object = ""
    after: object = ""


def changes(plan: SheetPlan, before: Row | None, after: Row | None) -> Iterator[Change]:
    """How one thing differs, from its rows of the two runs."""
    if before is None and after is not None:
        yield Change(Verdict.NEW, _name(plan, after), after=_told(plan, after))
    elif after is None and before is not None:
        yield Change(Verdict.GONE, _name(plan, before), before=_told(plan, before))
    elif before is not None and after is not None:
        for column, was, now in zip(plan.header, before, after, strict=True):
            if was != now and column not in plan.volatile_columns:
                yield Change(Verdict.CHANGED, _name(plan, after), column, was, now)


def _name(plan: SheetPlan, row: Row) -> Row:
    return [row[place] for place in plan.name]


def _told(plan: SheetPlan, row: Row) -> Sequence[object]:
    """Everything that is known of a thing, in lines of one cell."""
    return [(column, value) for column, value in zip(plan.header, row, strict=True) if value != ""]
