"""Everything a person can do: one file for each command, with its button. The order is that of help."""

from bot.chat.router import Router
from handlers import (
    acknowledge,
    approve,
    history,
    last_report,
    mute,
    notify,
    proof,
    regenerate,
    reports,
    resend,
    revoke_links,
    schedules,
    status,
    stop,
)
from handlers.admin import audit
from handlers.questions import failures, next_runs, started_by
from handlers.reruns import rerun, rerun_failed, rerun_part
from handlers.service import help, login, quota, whoami

_routers = (
    rerun.router,
    rerun_failed.router,
    rerun_part.router,
    last_report.router,
    reports.router,
    resend.router,
    regenerate.router,
    revoke_links.router,
    status.router,
    failures.router,
    started_by.router,
    history.router,
    schedules.router,
    next_runs.router,
    stop.router,
    acknowledge.router,
    approve.router,
    mute.router,
    notify.router,
    proof.router,
    quota.router,
    whoami.router,
    login.router,
)
_audit = audit.build_router(lambda: router.commands)

router: Router = Router(*_routers, _audit, help.build_router((*_routers, _audit)))
