"""`dingrun resend`: request another attempt of a delivery. The running service makes it."""

from collections.abc import Sequence

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
    store = open_stores(settings.store.url).store
    await store.open()
    try:
        resender = Resender(store, Jobs(store, clock=utc_now, owner=owner_name()))
        if not what:
            return [_line(job) for job in await resender.undelivered()] or ["nothing to resend"]
        sent = await _resend(store, resender, what)
    finally:
        await store.close()
    if not sent:
        raise PermanentError(f"{what}: no such run or job, or nothing to resend")
    return [f"queued: {job.id}" for job in sent]


async def _resend(store: Store, resender: Resender, what: str) -> Sequence[Job]:
    if await store.find_run(what):
        return await resender.resend_all(what, by=OPERATOR)
    try:
        return [await resender.resend(what, by=OPERATOR)]
    except UserError:
        return []


def _line(job: Job) -> str:
    return f"{job.state.value:<12} {job.id}  {job.error}"
