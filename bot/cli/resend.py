"""`dingrun redeliver`: ask for another attempt; the running service makes it."""

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


async def resend(settings: Settings, what: str) -> Sequence[str]:
    """Send again the troubled deliveries of a run, or one job; without either, list them all. Lines to show.

    Raises `PermanentError` when there is no such run or job, or nothing to send again.
    """
    store = open_stores(settings.store.url).store
    await store.open()
    try:
        deliveries = Resender(store, Jobs(store, clock=utc_now, owner=owner_name()))
        if not what:
            return [_line(job) for job in await deliveries.undelivered()] or ["nothing to send again"]
        sent = await _resend(store, deliveries, what)
    finally:
        await store.close()
    if not sent:
        raise PermanentError(f"{what}: no such run or job, or nothing of it to send again")
    return [f"asked for: {job.id}" for job in sent]


async def _resend(store: Store, deliveries: Resender, what: str) -> Sequence[Job]:
    if await store.find_run(what):
        return await deliveries.resend_all(what, by=OPERATOR)
    try:
        return [await deliveries.resend(what, by=OPERATOR)]
    except UserError:
        return []


def _line(job: Job) -> str:
    return f"{job.state.value:<12} {job.id}  {job.error}"
