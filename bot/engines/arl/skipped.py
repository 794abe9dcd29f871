"""Skips the documents of ARL that cannot be read, counts them, and logs each once."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Out = TypeVar("Out")

log = logging.getLogger(__name__)

MAX_REMEMBERED = 10_000  # documents; further ones are neither counted nor logged
MAX_ID_LENGTH = 80  # characters
READ_ERRORS = (
    ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""Errors that reading a document of an unexpected shape raises."""


class SkippedDocuments:
    """Reads documents one by one, so that an unreadable one does not affect the others."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    @property
    def count(self) -> int:
        """Return how many different documents have been skipped so far."""
        return len(self._known)

    def read_each(
        self, what: str, documents: Iterable[object], read: Callable[[Mapping[str, object]], Out]
    ) -> list[Out]:
        """Apply `read` to each document, and skip those that it cannot read."""
        made: list[Out] = []
        for document in documents:
            try:
                made.append(read(as_document(document)))
            except READ_ERRORS as error:
                self.add(what, document, error)
        return made

    def add(self, what: str, document: object, error: Exception | str) -> None:
        """Count a skipped document, and log it the first time."""
        key = what, _name(document)
        if key in self._known or len(self._known) >= MAX_REMEMBERED:
            return
        self._known.add(key)
        why = error if isinstance(error, str) else type(error).__name__
        log.warning("skipped a document of ARL that cannot be read: %s %s (%s)", *key, why)


def as_document(value: object) -> Mapping[str, object]:
    """Return the value if it is a document. Raises `TypeError` otherwise."""
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"not a document but {type(value).__name__}")


def _name(document: object) -> str:
    """Name a document in the log without its content."""
    id_ = document.get("_id") if isinstance(document, Mapping) else None
    if id_ is None or isinstance(id_, Mapping | list):
        return f"without an id, {type(document).__name__}"
    return repr(str(id_))[:MAX_ID_LENGTH]
