"""Make texts fit into the bytes that DingTalk accepts. Pure."""

from collections.abc import Iterable

_ELLIPSIS = "…"


def first_fitting(texts: Iterable[str], limit: int) -> str:
    """Return the first text of at most `limit` bytes, else the lines of the last text that fit."""
    rendered = []
    for text in texts:
        if len(text.encode()) <= limit:
            return text
        rendered.append(text)
    return _whole_lines(rendered[-1], limit)


def _whole_lines(text: str, limit: int) -> str:
    """Return the first lines of a text that fit. Our markup never spans two lines, so none is cut."""
    remaining = limit - len(f"\n\n{_ELLIPSIS}".encode())
    lines: list[str] = []
    for line in text.split("\n"):
        remaining -= len(line.encode()) + 1
        if remaining < -1:
            break
        lines.append(line)
    body = "\n".join(lines).rstrip()
    return f"{body}\n\n{_ELLIPSIS}" if body else ""


def one_line(text: str) -> str:
    """Return a text without line breaks and double spaces."""
    return " ".join(text.split())
