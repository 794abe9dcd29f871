"""The worker pools: which kinds of jobs share a concurrency limit."""

from collections.abc import Sequence
from dataclasses import replace

from bot.config.settings import Settings
from bot.jobs.pool import Pool
from bot.runtime import usable_cpus

PUSH_KINDS = (
    "start", "card", "note", "file", "update", "digest", "reminder", "notice", "last_notice", "lapse",
    "recovery",
)  # fmt: skip
POOLS = (
    Pool(name="talk", kinds=("message", "delay", "tap"), concurrency=32),
    Pool(name="submit", kinds=("submit",), concurrency=2),
    Pool(name="push", kinds=PUSH_KINDS, concurrency=4),
    Pool(name="export", kinds=("export",), concurrency=1),
)
MAX_REMOTE_EXPORTS = 16  # exports that wait for Celery workers at once; a waiting one costs next to nothing


def build_pools(settings: Settings) -> Sequence[Pool]:
    """Return the pools. The concurrency of exports depends on who writes them, and on the CPUs here."""
    local = settings.exporter.kind == "local"
    exports = settings.exporter.at_once(usable_cpus()) if local else MAX_REMOTE_EXPORTS
    return [replace(pool, concurrency=exports) if pool.name == "export" else pool for pool in POOLS]
