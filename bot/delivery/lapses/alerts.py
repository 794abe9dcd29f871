"""Tell the destinations of a schedule what did not happen, and whoever heard of it that it has since.

Both are jobs, one for each destination, whose ids derive from the lapse or the run. So each is told once,
whatever bots find it and whenever one dies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile

from bot.delivery.lapses.sending import send_alert
from bot.delivery.payload import DeliveryPayload, DeliveryResult, Obstacle, destination_of
from bot.delivery.plan import job_id
from bot.delivery.policy.effective import effective_schedule
from bot.delivery.policy.overrides import Overrides
from bot.delivery.recipients import is_notified, lapse_recipients, options_for, recipients
from bot.delivery.services import DeliveryServices
from bot.errors import PermanentError
from bot.jobs.queue import Claim, JobKind, Postpone, Result
from bot.models import (
    Destination,
    Job,
    JobState,
    Lapse,
    LapseKind,
    LapseState,
    MarkdownMessage,
    Run,
    ScheduleOverride,
    new_job,
)
from bot.ports import LapseStore
from cards.summary import mark_of, typed_name

ALERT_POLL_INTERVAL = timedelta(seconds=5)
FAILURE_KINDS = frozenset({LapseKind.MISSED, LapseKind.OVERDUE})  # mentions people, as a failed run does


class LapseAlerts:
    """Stores and runs the jobs `lapse` and `recovery`."""

    def __init__(
        self, services: DeliveryServices, lapses: LapseStore, overrides: Overrides, *, enabled: bool
    ) -> None:
        self._services = services
        self._lapses = lapses
        self._overrides = overrides
        self._enabled = enabled

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        return {"lapse": JobKind(run=self._send_alert), "recovery": JobKind(run=self._send_recovery)}

    async def tell(self, lapse: Lapse) -> None:
        """Store the alerts of a lapse. Idempotent."""
        if not self._enabled:
            return
        override = await self._overrides.find(lapse.schedule_id)
        if is_muted(override, self._services.jobs.clock()):
            return
        schedule = effective_schedule(lapse.schedule, override)
        for destination in lapse_recipients(schedule, await self._run_of(lapse)):
            await self._add("lapse", lapse, destination)

    async def tell_recovery(self, lapse: Lapse) -> bool:
        """Store the notes that a lapse is over, for those whose alerts are stored. Idempotent.

        Whoever receives the summary of the run needs no note. False while its report decides who does.
        """
        run = await self._run_of(lapse)
        summarized = recipients(run) if run else ()
        if run and any(is_notified(run, destination) is None for destination in summarized):
            return False
        for destination in lapse_recipients(replace(lapse.schedule, notify_enable=True), run):
            if destination not in summarized and await self._find_alert(lapse, destination):
                await self._add("recovery", lapse, destination)
        return True

    async def _run_of(self, lapse: Lapse) -> Run | None:
        return await self._services.store.find_run(lapse.run_id) if lapse.run_id else None

    async def _find_alert(self, lapse: Lapse, destination: Destination) -> Job | None:
        return await self._services.store.find_job(f"lapse:{lapse.id}:{destination}")

    async def _add(self, kind: str, lapse: Lapse, destination: Destination) -> None:
        payload, now = _payload(destination) | {"lapse": lapse.id}, self._services.jobs.clock()
        await self._services.jobs.add(new_job(kind, f"{lapse.id}:{destination}", now, payload=payload))

    async def _send_alert(self, claim: Claim) -> Result:
        lapse = await self._find_lapse(claim.job)
        is_over = lapse.state in {LapseState.OVER, LapseState.SETTLED}
        if is_over and not claim.job.failures:  # a failed attempt may have arrived all the same
            return DeliveryResult(skipped=Obstacle.HAS_HAPPENED).as_json()
        destination = destination_of(claim.job)
        failure = lapse.kind in FAILURE_KINDS
        mention = options_for(lapse.schedule, destination).mention if failure else ()

        def render(withheld: bool) -> MarkdownMessage:
            return replace(self._reply(lapse, withheld=withheld), mention=mention)

        return await send_alert(self._services, claim, render, failure=failure)

    async def _send_recovery(self, claim: Claim) -> Result:
        if claim.job.run_id:
            return await self._send_recovery_of_run(claim)
        lapse = await self._find_lapse(claim.job)
        alert = await self._find_alert(lapse, destination_of(claim.job))
        if alert is None or not self._was_heard([alert]):
            return DeliveryResult(skipped=Obstacle.NOBODY_TOLD).as_json()
        run = await self._run_of(lapse)
        return await send_alert(
            self._services, claim, lambda withheld: self._reply(lapse, run, over=True, withheld=withheld)
        )

    async def _send_recovery_of_run(self, claim: Claim) -> Result:
        """Tell a destination that does not receive the summary of a run that it ended well again."""
        run = await self._services.find_ended_run(claim.job)
        failed, failures = claim.job.payload["failed"], claim.job.payload["failures"]
        run_ids = failed if isinstance(failed, list) else []
        if not self._was_heard(await self._find_summaries(run_ids, destination_of(claim.job))):
            return DeliveryResult(skipped=Obstacle.NOBODY_TOLD).as_json()
        return await send_alert(
            self._services, claim, lambda withheld: self._reply_to_failures(run, failures, withheld=withheld)
        )

    async def _find_summaries(self, run_ids: Sequence[str], destination: Destination) -> Sequence[Job]:
        ids = [job_id(kind, run_id, destination) for run_id in run_ids for kind in ("card", "note")]
        return [job for id_ in ids if (job := await self._services.store.find_job(id_))]

    def _was_heard(self, jobs: Sequence[Job]) -> bool:
        """Return whether one of these messages has arrived, or may have. Raises `Postpone` until they end."""
        if any(_may_have_arrived(job) for job in jobs):
            return True
        if any(not job.state.ended for job in jobs):
            raise Postpone(self._services.jobs.clock() + ALERT_POLL_INTERVAL)
        return False

    async def _find_lapse(self, job: Job) -> Lapse:
        lapse = await self._lapses.find_lapse(str(job.payload["lapse"]))
        if lapse is None:
            raise PermanentError(f"lapse {job.payload['lapse']} is not in the store")
        return lapse

    def _reply(
        self, lapse: Lapse, run: Run | None = None, *, over: bool = False, withheld: bool = False
    ) -> MarkdownMessage:
        if withheld:
            return self._services.cards.reply("lapse_withheld", id=lapse.run_id or lapse.schedule_id)
        end = lapse.over_at if over and lapse.over_at else lapse.found_at
        return self._services.cards.reply(
            f"lapse_{lapse.kind}_over" if over else f"lapse_{lapse.kind}",
            schedule=lapse.schedule.name,
            typed=typed_name(lapse.schedule.name, lapse.run_id or lapse.schedule_id),
            startable=lapse.schedule.startable,
            run=lapse.run_id,
            since=lapse.since,
            end=end,
            took=end - lapse.since,
            allowed=lapse.allowed,
            usual=lapse.usual,
            missed=lapse.missed,
            mark=mark_of(run) if run else "",
        )

    def _reply_to_failures(self, run: Run, failures: object, *, withheld: bool) -> MarkdownMessage:
        if withheld:
            return self._services.cards.reply("lapse_withheld", id=run.id)
        return self._services.cards.reply(
            "recovered", schedule=run.schedule_name, run=run.id, end=run.end_time, failures=failures
        )


def is_muted(override: ScheduleOverride, now: datetime) -> bool:
    """Return whether alerts are muted. A mute of the next run does not count: it may be what is missing."""
    mute = override.mute
    return mute is not None and mute.until is not None and mute.covers(now)


def recovery_jobs(run: Run, earlier: Sequence[Run], now: datetime) -> Sequence[Job]:
    """Return the jobs that tell of a successful run after failed ones, where its summary does not go. Pure.

    `earlier` are the runs of the schedule before it, newest first.
    """
    if not run.well or run.muted:
        return []
    failed = _failed_in_a_row(earlier)
    if not failed:
        return []
    newest = failed[0]
    failures = newest.trend.streak if newest.trend else len(failed)
    facts = {"failed": [each.id for each in failed], "failures": failures}
    heard = dict.fromkeys(to for each in failed for to in recipients(each))
    return [
        new_job("recovery", f"{run.id}:{to}", now, run_id=run.id, payload=_payload(to) | facts)
        for to in heard
        if to not in recipients(run)
    ]


def _failed_in_a_row(earlier: Sequence[Run]) -> Sequence[Run]:
    """Return the failed runs since the last successful one, newest first."""
    since = takewhile(lambda run: not run.well, earlier)
    return [run for run in since if run.well is False]


def _payload(destination: Destination) -> dict[str, object]:
    return DeliveryPayload(destination=destination).as_json()


def _may_have_arrived(job: Job) -> bool:
    result = DeliveryResult.of(job)
    done = job.state is JobState.DONE and not result.skipped and not result.fallback_reason
    return done or job.state is JobState.UNCONFIRMED
