"""`python -m bot redeliver`: ask for another attempt; the running service makes it."""

from collections.abc import Sequence

from bot.config.loader import Settings
from bot.delivery.resend import Deliveries
from bot.errors import Permanent, UserError
from bot.jobs.queue import Jobs
from bot.models import Job
from bot.ports import Store
from bot.runtime import owner_name, utc_now
from bot.wiring.stores import stores_at

OPERATOR = "command line"


async def redeliver(settings: Settings, what: str) -> Sequence[str]:
    """Send again the troubled deliveries of a run, or one job; without either, list them all. Lines to show.

    Raises `Permanent` when there is no such run or job, or nothing to send again.
    """
    store = stores_at(settings.store.url).store
    await store.open()
    try:
        deliveries = Deliveries(store, Jobs(store, clock=utc_now, owner=owner_name()))
        if not what:
            return [_line(job) for job in await deliveries.troubled()] or ["nothing to send again"]
        sent = await _resend(store, deliveries, what)
    finally:
        await store.close()
    if not sent:
        raise Permanent(f"{what}: no such run or job, or nothing of it to send again")
    return [f"asked for: {job.id}" for job in sent]


async def _resend(store: Store, deliveries: Deliveries, what: str) -> Sequence[Job]:
    if await store.find_run(what):
        return await deliveries.resend_all(what, by=OPERATOR)
    try:
        return [await deliveries.resend(what, by=OPERATOR)]
    except UserError:
        return []


def _line(job: Job) -> str:
    return f"{job.state.value:<12} {job.id}  {job.error}"
