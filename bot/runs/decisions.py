"""Decide how an ending run is notified of, and store the decision before anything follows from it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.delivery.payload import DeliveryPayload
from bot.delivery.plan import delivery_job
from bot.delivery.policy.effective import effective_schedule, mute_of_run, use_up_mute
from bot.delivery.policy.overrides import Overrides
from bot.delivery.recipients import has_failures, recipients
from bot.models import NULL_DESTINATION, Clock, Job, PushStatus, Run, RunStatus, ScheduleOverride
from bot.ports import Store

NO_TIME = timedelta()
BEFORE_THE_END = frozenset({"submit", "start", "tap"})  # kinds of jobs of a running run


class NotificationDecisions:
    """Applies the override of its schedule to a run.

    The decision of the first attempt counts: after a crash between the jobs of a run and its status, the run
    ends again, and neither a mute nor its end in the meantime may change what has begun.
    """

    def __init__(
        self, store: Store, overrides: Overrides, *, clock: Clock, remind_after: timedelta = NO_TIME
    ) -> None:
        self._store = store
        self._overrides = overrides
        self._clock = clock
        self._remind_after = remind_after

    async def decide(self, run: Run, end: datetime) -> Run:
        """Return the run with its effective schedule and the mute that silences it. Repeatable.

        Without an override this costs one query.
        """
        override = await self._overrides.find(run.schedule_id)
        if run.muted or run.push_status is PushStatus.SKIPPED:
            return run
        decided = replace(
            run,
            schedule=effective_schedule(run.schedule, override),
            muted=mute_of_run(override, run, end, self._clock()),
        )
        if decided == run or await self._has_begun(run):
            return run
        return await self._store_decision(decided, override)

    def reminders(self, ended: Run, now: datetime) -> Sequence[Job]:
        """Return the jobs that remind of a failed run, if nobody has taken care of it by then.

        Nobody has to take care of what somebody has stopped.
        """
        if not self._remind_after or not has_failures(ended) or _was_only_stopped(ended):
            return ()
        payloads = [DeliveryPayload(destination=to) for to in recipients(ended) if to != NULL_DESTINATION]
        jobs = [delivery_job("reminder", ended.id, payload, now) for payload in payloads]
        return [replace(job, due_at=now + self._remind_after) for job in jobs]

    async def _has_begun(self, run: Run) -> bool:
        """Return whether an earlier attempt has stored jobs that follow from the end of the run."""
        return any(job.kind not in BEFORE_THE_END for job in await self._store.find_jobs(run_id=run.id))

    async def _store_decision(self, decided: Run, override: ScheduleOverride) -> Run:
        mute = decided.muted
        if mute and mute.until is None and not await self._use_up(decided):
            decided = replace(decided, muted=None)
        changes = {"schedule": decided.schedule, "muted": decided.muted}
        return await self._store.update_run(decided.id, changes, when=RunStatus.RUNNING) or decided

    async def _use_up(self, run: Run) -> bool:
        """Use up a mute of the next run. Returns False if another run was faster."""
        changed = await self._overrides.change(run.schedule_id, lambda each: use_up_mute(each, run.id))
        return changed.mute is not None and changed.mute.run_id == run.id


def _was_only_stopped(ended: Run) -> bool:
    """Return whether somebody stopped the run, and nothing failed by itself."""
    counts = ended.task_counts
    return ended.stopped_by is not None and counts is not None and counts.failed == counts.stop
