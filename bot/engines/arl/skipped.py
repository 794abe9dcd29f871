"""Documents of ARL that cannot be read: each is left out by itself, counted, and logged once."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Out = TypeVar("Out")

log = logging.getLogger(__name__)

MAX_REMEMBERED = 10_000  # documents; from then on they are counted by kind alone, and logged no more
MAX_SHOWN_ID = 80  # letters
UNREADABLE = (
    ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What reading a document of a shape that nobody foresaw raises."""


class SkippedDocuments:
    """Reads documents one by one, so that an odd one costs no other."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    @property
    def count(self) -> int:
        """How many different documents have been left out so far."""
        return len(self._known)

    def read_each(
        self, what: str, documents: Iterable[object], read: Callable[[Mapping[str, object]], Out]
    ) -> list[Out]:
        """What `read` makes of each document that it can read."""
        made: list[Out] = []
        for document in documents:
            try:
                made.append(read(as_document(document)))
            except UNREADABLE as error:
                self.add(what, document, error)
        return made

    def add(self, what: str, document: object, error: Exception | str) -> None:
        """Count a document that is left out, and say so the first time."""
        key = what, _name(document)
        if key in self._known or len(self._known) >= MAX_REMEMBERED:
            return
        self._known.add(key)
        why = error if isinstance(error, str) else type(error).__name__
        log.warning("skipped a document of ARL that cannot be read: %s %s (%s)", *key, why)


def as_document(value: object) -> Mapping[str, object]:
    """The value, if it is a document. Raises `TypeError`."""
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"no document but {type(value).__name__}")


def _name(document: object) -> str:
    """What tells this document from others in a log, without what it holds."""
    id_ = document.get("_id") if isinstance(document, Mapping) else None
    if id_ is None or isinstance(id_, Mapping | list):
        return f"without an id, {type(document).__name__}"
    return repr(str(id_))[:MAX_SHOWN_ID]
