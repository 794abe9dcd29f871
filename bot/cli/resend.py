"""`dingrun resend`: request another attempt of a delivery. The running service makes it."""

from collections.abc import Sequence

from bot.audit.request import note_run
from bot.cli.audited import audited_command
from bot.config.loader import Settings
from bot.delivery.resend import Resender
from bot.errors import PermanentError, UserError
from bot.jobs.queue import Jobs
from bot.models import Job
from bot.ports import Store
from bot.runtime import owner_name, utc_now
from bot.wiring.stores import open_stores

OPERATOR = "command line"


async def request_resend(settings: Settings, what: str) -> Sequence[str]:
    """Resend the undelivered messages of a run, or one job. Without either, list them.

    Returns the lines to print. Raises `PermanentError` if there is no such run or job, or nothing to resend.
    """
    stores = open_stores(settings.store.url)
    store = stores.store
    await store.open()
    try:
        resender = Resender(store, Jobs(store, clock=utc_now, owner=owner_name()))
        if not what:
            return [_line(job) for job in await resender.undelivered()] or ["nothing to resend"]
        async with audited_command(settings, stores, "resend", what):
            sent = await _resend(store, resender, what)
    finally:
        await store.close()
    return [f"queued: {job.id}" for job in sent]


async def _resend(store: Store, resender: Resender, what: str) -> Sequence[Job]:
    """Resend a run or a job. Raises `PermanentError` if there is nothing to resend."""
    job = await store.find_job(what)
    if run := await store.find_run(job.run_id if job else what):
        note_run(run)
    try:
        if job:
            return [await resender.resend(what, by=OPERATOR)]
        if sent := await resender.resend_all(what, by=OPERATOR):
            return sent
    except UserError:
        pass
    raise PermanentError(f"{what}: no such run or job, or nothing to resend")


def _line(job: Job) -> str:
    return f"{job.state.value:<12} {job.id}  {job.error}"
