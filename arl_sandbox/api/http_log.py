"""Logging of the HTTP server: malformed requests are counted instead of logged one by one."""

import logging
from collections import Counter

from aiohttp.http_exceptions import HttpProcessingError

KEEP_ALIVE_SECONDS = 60.0  # for the headers of a request, and between two requests of a connection


def server_logger(name: str) -> logging.Logger:
    """Make a logger for one server."""
    log = logging.Logger(name)
    log.parent = logging.getLogger(name)
    log.addFilter(MalformedRequestFilter())
    return log


class MalformedRequestFilter(logging.Filter):
    """Logs one line without a traceback for the 1st, 10th, 100th … malformed request of a kind."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        kind = type(error).__name__
        self._counts[kind] += 1
        record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        record.exc_info, record.exc_text = None, None
        record.msg, record.args = "malformed request: %s, %d so far", (kind, self._counts[kind])
        return str(self._counts[kind]).strip("0") == "1"
