"""What a person can do: one file per thing, the command and its button together, all in this list."""

from bot.chat.router import Router
from handlers import (
    help,
    history,
    last_report,
    proof,
    quota,
    regenerate,
    reports,
    rerun,
    schedules,
    status,
    stop,
)
from handlers import rerun_failed as retry_failed
from handlers import resend as redeliver
from handlers import revoke_links as revoke

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
