"""`/v1/schedules`: read and change schedules, and start their runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from aiohttp import web
from yarl import URL

from bot.api.admission import Admission, reaches
from bot.api.answers import describe_schedule, schedule_key
from bot.api.audit import ApiAudit
from bot.api.idempotency import HEADER, MEANING, Idempotency
from bot.api.keys import ApiKey, Scope
from bot.api.models import (
    SLUG,
    RerunBody,
    RunAnswer,
    ScheduleAnswer,
    ScheduleBody,
    ScheduleList,
    StopAnswer,
)
from bot.api.operations import Operation, json_response, read_json
from bot.api.problems import Problem, not_found
from bot.api.runs import RunRoutes
from bot.errors import UserError
from bot.external.models import ExternalSchedule, RerunTarget
from bot.external.repository import ExternalSchedules
from bot.models import EXTERNAL, Clock, Person, Run, RunStatus, Schedule, Trigger
from bot.ports import Engine
from bot.runs.approvals import Approvals, Protection
from bot.runs.lifecycle import Runs, TriggerRequest
from bot.runs.starts import RunStarts

MAX_SAVES = 20


@dataclass(frozen=True, kw_only=True)
class ScheduleServices:
    """Services that the routes of schedules use."""

    schedules: ExternalSchedules
    engine: Engine
    runs: Runs
    starts: RunStarts
    approvals: Approvals
    admission: Admission
    idempotency: Idempotency
    audit: ApiAudit
    rerun_hosts: Collection[str]
    clock: Clock


class ScheduleRoutes:
    """Reads and changes schedules, starts and stops runs on every engine."""

    def __init__(self, services: ScheduleServices, runs: RunRoutes) -> None:
        self._services = services
        self._runs = runs

    def operations(self) -> Sequence[Operation]:
        return (*self._schedule_operations(), *self._act_operations())

    def _schedule_operations(self) -> Sequence[Operation]:
        return (
            Operation(
                method="GET",
                path="/v1/schedules",
                handler=self.list,
                scope=Scope.READ,
                summary="List the schedules of all engines.",
                answers={200: ScheduleList},
            ),
            Operation(
                method="GET",
                path="/v1/schedules/{slug}",
                handler=self.get,
                scope=Scope.READ,
                summary="Read a schedule.",
                answers={200: ScheduleAnswer},
            ),
            Operation(
                method="PUT",
                path="/v1/schedules/{slug}",
                handler=self.put,
                scope=Scope.REPORT,
                summary="Create or change a schedule that another system executes.",
                body=ScheduleBody,
                answers={200: ScheduleAnswer, 201: ScheduleAnswer},
            ),
        )

    def _act_operations(self) -> Sequence[Operation]:
        return (
            Operation(
                method="POST",
                path="/v1/schedules/{slug}/runs",
                handler=self.start,
                scope=Scope.ACT,
                summary="Start a run, as the command rerun does.",
                headers={HEADER: MEANING},
                answers={202: RunAnswer},
            ),
            Operation(
                method="POST",
                path="/v1/runs/{id}/stop",
                handler=self.stop,
                scope=Scope.ACT,
                summary="Stop a run, as the command stop does.",
                answers={202: StopAnswer},
            ),
        )

    async def list(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        found = [each for each in await self._services.engine.schedules() if reaches(key, each)]
        external = {each.id: each for each in await self._services.schedules.all()}
        return json_response(
            ScheduleList(schedules=[describe_schedule(each, external.get(each.id)) for each in found])
        )

    async def get(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        return json_response(await self._describe(await self._find(key, request.match_info["slug"])))

    async def _find(self, key: ApiKey, name: str) -> Schedule:
        """Return the schedule with a slug, an id or a name, on any engine. Raises `Problem` (404).

        A slug is looked up without asking the other engines, which may be down.
        """
        external = await self._services.schedules.find(name)
        if external and reaches(key, found := self._services.schedules.as_schedule(external)):
            return found
        for schedule in await self._services.engine.schedules():
            if name in {schedule_key(schedule), schedule.name} and reaches(key, schedule):
                return schedule
        raise not_found()

    async def _describe(self, schedule: Schedule) -> ScheduleAnswer:
        if schedule.engine != EXTERNAL:
            return describe_schedule(schedule)
        return describe_schedule(schedule, await self._services.schedules.find(schedule_key(schedule)))

    async def put(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        slug = request.match_info["slug"]
        body = await read_json(request, ScheduleBody)
        if not SLUG.fullmatch(slug):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "slug: takes a-z, 0-9, _ and -, up to 60")
        if not key.reaches(slug):
            raise not_found()
        if self._services.schedules.is_configured(slug):
            raise Problem(HTTPStatus.CONFLICT, "the schedule is in the settings")
        created = await self._save(slug, body)
        schedule = await self._find(key, slug)
        return json_response(await self._describe(schedule), HTTPStatus.CREATED if created else HTTPStatus.OK)

    async def _save(self, slug: str, body: ScheduleBody) -> bool:
        """Store a new or a changed schedule. Returns True if it is new."""
        for _ in range(MAX_SAVES):
            known = await self._services.schedules.find(slug)
            if known is None:
                fresh = self._changed(ExternalSchedule(slug=slug, created_at=self._services.clock()), body)
                if await self._services.schedules.add(fresh):
                    return True
                if await self._services.schedules.find(slug) is None:
                    raise Problem(HTTPStatus.CONFLICT, "there are too many schedules: api.max_schedules")
            elif await self._services.schedules.save(self._changed(known, body)):
                return False
        raise Problem(HTTPStatus.CONFLICT, "the schedule changes too often")

    def _changed(self, schedule: ExternalSchedule, body: ScheduleBody) -> ExternalSchedule:
        changes: dict[str, object] = {}
        given = body.model_fields_set
        changes |= {name: getattr(body, name) or "" for name in ("name", "owner") if name in given}
        if "expect" in given:
            changes["expect"] = body.expect.as_expectation() if body.expect else None
        if "rerun" in given:
            changes["rerun"] = self._target(body.rerun) if body.rerun else None
        return replace(schedule, **changes)  # type: ignore[arg-type]

    def _target(self, body: RerunBody) -> RerunTarget:
        host = (URL(body.url).host or "").lower() if body.url else ""
        if host and host not in self._services.rerun_hosts:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"rerun.url: api.rerun_hosts does not allow {host}"
            )
        return RerunTarget(url=body.url or "", secret=body.secret or "", runner=body.runner or "")

    async def start(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        schedule = await self._find(key, request.match_info["slug"])

        async def act(subject: str) -> web.Response:
            run = await self._start(request, key, schedule, subject)
            return json_response(await self._runs.describe_any(run), HTTPStatus.ACCEPTED)

        return await self._services.idempotency.once(request, key, b"", act)

    async def _start(self, request: web.Request, key: ApiKey, schedule: Schedule, subject: str) -> Run:
        trigger = TriggerRequest(
            idempotency_key=f"submit:api:{subject}", trigger=Trigger.API, asked_by=_program(key)
        )
        async with self._services.audit.recording(request, key, "rerun", schedule=schedule):
            self._ensure_one_may(schedule)
            try:
                return await self._services.starts.start(schedule, trigger)
            except UserError as error:
                raise _busy(error) from error

    def _ensure_one_may(self, schedule: Schedule) -> None:
        """Refuse what takes two people: a key is one."""
        if self._services.approvals.protection(schedule) is Protection.TWO_PERSON:
            raise Problem(HTTPStatus.FORBIDDEN, "access.protected: it takes two people, in the chat")

    async def stop(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        run = await self._runs.find(key, request.match_info["id"])
        if run.status is not RunStatus.RUNNING:
            raise Problem(HTTPStatus.CONFLICT, "the run has ended")
        async with self._services.audit.recording(request, key, "stop", schedule=run.schedule, run=run.id):
            self._ensure_one_may(run.schedule)
            result = await self._services.runs.stop(run, _program(key))
        answer = StopAnswer(
            stopped=result.stopped,
            ended_before=result.before,
            left=[task.target for task in result.left],
        )
        return json_response(answer, HTTPStatus.ACCEPTED)


def _program(key: ApiKey) -> Person:
    """Return the person that stands for a key."""
    return Person(id="", name=key.name)


def _busy(error: UserError) -> Problem:
    """Return the answer to a start that is refused."""
    if error.phrase == "rerun_elsewhere":
        return Problem(HTTPStatus.CONFLICT, "the schedule has no rerun, so it cannot be started from here")
    run = error.values.get("run", "")
    return Problem(HTTPStatus.CONFLICT, "a run of the schedule has not ended, or has just started", run=run)
