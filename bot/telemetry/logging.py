"""Logging: one line per record, with ids of the context and masked secrets.

A traceback is indented below its record, so that foreign text cannot look like a record.
"""

import json
import logging
import re
import sys
import threading
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s%(ids)s"
STARS = "***"
MIN_SECRET_LENGTH = 6  # shorter ones would mask ordinary words
WIDE_SPACE = "\u3000"  # in Chinese text; not printable for Python

_NAMES = (
    r"access[_-]?token|ticket|session|app[_-]?secret|client[_-]?secret|sign|session[_-]?webhook|"
    r"x-acs-dingtalk-access-token"
)
_PATTERNS = re.compile(
    rf"""((?<![a-z])(?:{_NAMES})(?:=|\\?["']?\s{{0,8}}:\s{{0,8}}\\?["']?))[^&\s"',}}\\]+""", re.IGNORECASE
)
_USERINFO = re.compile(r"(://[^\s/:@]{0,200}:)(?!PASSWORD@)[^\s/@]{1,200}@")  # not of our own examples
_SIGNING_SECRET = re.compile(r"SEC[0-9a-f]{32,}")
NOISY_LOGGERS = (
    "dingtalk_stream", "dingtalk_stream.client", "dingtalk_stream.handler", "dingtalk_stream.card_replier",
    "alibabacloud-tea", "darabonba-core", "credentials", "aiohttp.access", "aiosqlite", "asyncio", "pymongo",
    "celery", "kombu", "amqp", "apprise", "urllib3",
)  # fmt: skip

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_ids: ContextVar[Mapping[str, str]] = ContextVar("ids")


@contextmanager
def log_context(**ids: str) -> Iterator[None]:
    """Add ids (`run`, `job`, `message`) to all records logged inside, including tasks started there."""
    token = _ids.set({**_ids.get({}), **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _ids.reset(token)


class _Ids(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        known = " ".join(f"{name}={value}" for name, value in _ids.get({}).items())
        record.ids = f" [{known}]" if known else ""
        return True


class _QuietLogger(logging.Filter):
    """Filter that keeps the logger of a package at WARNING and without handlers of its own.

    `dingtalk_stream` sets its level when a client is created. The alibabacloud packages set theirs, and add
    handlers that do not mask secrets, when they are imported.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        logging.getLogger(record.name).handlers.clear()
        return record.levelno >= logging.WARNING


_QUIET = _QuietLogger()


def _visible(letter: str) -> str:
    """Return a character, escaped if it would break the line or is invisible."""
    plain = letter.isprintable() or letter == WIDE_SPACE
    return letter if plain else letter.encode("unicode_escape").decode()


class RedactingFormatter(logging.Formatter):
    """Formatter that masks known secrets and text that looks like a secret."""

    def __init__(self, known: Collection[str] = ()) -> None:
        super().__init__(FORMAT, defaults={"ids": ""})
        self._known = sorted(
            {secret for secret in known if len(secret) >= MIN_SECRET_LENGTH}, key=len, reverse=True
        )

    def format(self, record: logging.LogRecord) -> str:
        return self.starred(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        return "".join(map(_visible, super().formatMessage(record)))

    def formatException(self, ei: ExcInfo) -> str:
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return _indented(stack_info)

    def starred(self, text: str) -> str:
        """Replace secrets by stars."""
        for secret in self._known:
            text = text.replace(secret, STARS)
        text = _PATTERNS.sub(lambda found: found.group(1) + STARS, text)
        text = _USERINFO.sub(rf"\g<1>{STARS}@", text)
        return _SIGNING_SECRET.sub(STARS, text)


class JsonFormatter(RedactingFormatter):
    """Formatter that writes one JSON object per record, with ids and fields as keys of their own."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry: dict[str, object] = {
            "time": at,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_ids.get({}),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["error"] = logging.Formatter.formatException(self, record.exc_info)
        if record.stack_info:
            entry["stack"] = record.stack_info
        masked = {key: self.starred(v) if isinstance(v, str) else v for key, v in entry.items()}
        return json.dumps(masked, ensure_ascii=False, default=lambda value: self.starred(str(value)))


def fields(**values: object) -> Mapping[str, Mapping[str, object]]:
    """Return what `extra` of a log call takes: keys of the JSON object, beside the text that people read."""
    return {"fields": values}


def _indented(text: str) -> str:
    return "\n".join("    " + "".join(map(_visible, line)) for line in text.splitlines())


def redacted(text: str) -> str:
    """Mask secrets in the text of another system, which may echo them."""
    handlers = logging.getLogger().handlers
    formatters = [each.formatter for each in handlers if isinstance(each.formatter, RedactingFormatter)]
    return (formatters[0] if formatters else RedactingFormatter()).starred(text)


def for_terminal(text: str) -> str:
    """Mask secrets and escape control characters, for a terminal."""
    return "\n".join("".join(map(_visible, line)) for line in redacted(text).split("\n"))


def guard_last_words() -> None:
    """Mask secrets in tracebacks that end the process or a thread."""
    sys.excepthook = _write_traceback
    threading.excepthook = lambda args: _write_traceback(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _write_traceback(args.exc_type, args.exc_value, args.exc_traceback)


def _write_traceback(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(for_terminal(text.rstrip("\n")) + "\n")


def configure(
    level: str = "INFO",
    *,
    secrets: Collection[str] = (),
    stream: TextIO | None = None,
    as_json: bool = False,
) -> None:
    """Configure logging to `stream` (default: stderr), with noisy packages at WARNING."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(secrets) if as_json else RedactingFormatter(secrets))
    handler.addFilter(_Ids())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in NOISY_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.addFilter(_QUIET)
