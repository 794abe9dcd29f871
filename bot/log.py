"""One line per record: time, level, logger, message; secrets as stars, whatever wrote them."""

import logging
import re
import sys
from collections.abc import Collection
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
STARS = "***"
SHORTEST_SECRET = 6  # shorter ones would star words

_PATTERNS = re.compile(
    r"((?:access_token|ticket|session|appsecret|appSecret|client_secret|clientSecret|sign)=|"
    r"[\"'](?:ticket|accessToken|access_token|appSecret|clientSecret|sessionWebhook)[\"']\s*:\s*[\"']|"
    r"x-acs-dingtalk-access-token:?\s*)[^&\s\"',}]+",
    re.IGNORECASE,
)
_SIGNING_SECRET = re.compile(r"SEC[0-9a-f]{32,}")
LOUD = ("dingtalk_stream", "alibabacloud-tea", "darabonba-core", "aiohttp.access", "aiosqlite", "asyncio")


class Redacting(logging.Formatter):
    """The last defence: what looks like a secret, or is known to be one, is never written."""

    def __init__(self, known: Collection[str] = ()) -> None:
        super().__init__(FORMAT)
        self._known = sorted(
            {secret for secret in known if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True
        )

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._known:
            line = line.replace(secret, STARS)
        line = _PATTERNS.sub(lambda found: found.group(1) + STARS, line)
        return _SIGNING_SECRET.sub(STARS, line)


def configure(level: str = "INFO", *, secrets: Collection[str] = (), stream: TextIO | None = None) -> None:
    """Send all logging to `stream` (stderr by default), and calm the loggers of the packages we use."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Redacting(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
