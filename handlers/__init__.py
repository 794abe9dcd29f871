"""What a person can do: one file per thing, the command and its button together, all in this list."""

from bot.router import Router
from handlers import (
    help,
    history,
    last_report,
    proof,
    quota,
    redeliver,
    regenerate,
    reports,
    rerun,
    retry_failed,
    revoke,
    schedules,
    status,
    stop,
)

router = Router(
    rerun.router,
    retry_failed.router,
    last_report.router,
    reports.router,
    regenerate.router,
    revoke.router,
    status.router,
    history.router,
    schedules.router,
    stop.router,
    redeliver.router,
    proof.router,
    quota.router,
    help.router,
)
