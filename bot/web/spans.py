"""What of a file is asked for: the whole, or one range of it (RFC 9110, 14). Pure."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=(?a:(\d{0,15})-(\d{0,15}))", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Span:
    """Bytes from `start` up to and without `stop`, of `size`."""

    start: int
    stop: int
    size: int
    partial: bool = False

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def span_of(asked: str, only_if: str, *, size: int, tag: str) -> Span | None:
    """The span that `Range` asks for; None when it lies outside.

    Whatever is no single range of bytes, or asks for a range of another file (`If-Range`), means the whole.
    """
    whole = Span(start=0, stop=size, size=size)
    found = _RANGE.fullmatch(asked.strip())
    if not found or not any(found.groups()) or only_if not in {"", tag}:
        return whole
    first, last = found.groups()
    if not first:  # the last so many bytes
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return whole
    return Span(start=start, stop=stop, size=size, partial=True) if start < stop else None
