"""`/status/runs/…`: one run with its tasks, what changed, its log and its deliveries; and its assets."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from bot.audit.request import note_run
from bot.delivery.audit_trail import audit_trail, seen_by
from bot.delivery.policy.effective import active_mute
from bot.errors import DingRunError, UserError
from bot.models import Run, Task
from bot.web.pages.charts import outcome
from bot.web.pages.overview import page_number
from bot.web.pages.run_details import AssetQuery, RunDetails
from bot.web.pages.schedules import place_names
from bot.web.pages.visitors import SESSION_ID_CHARACTERS, Gate, Visitor
from cards.trend import is_compared, list_changes

TASKS_PER_PAGE = 100
MAX_SEARCH_CHARACTERS = 200


class RunPages:
    """The pages of a run."""

    def __init__(self, gate: Gate, details: RunDetails) -> None:
        self._gate = gate
        self._details = details

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/status/latest", self._gate.page(self.latest)),
            web.get("/status/runs/{run}", self._gate.page(self.show)),
            web.get("/status/runs/{run}/assets", self._gate.page(self.assets)),
            web.get("/status/runs/{run}/report", self._gate.page(self.report)),
        ]

    async def show(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        run, context, page = await self._find(request, visitor), visitor.context, page_number(request)
        tasks, trouble = await self._tasks(run)
        jobs = await context.delivery.resender.jobs(run.id)
        steps = audit_trail(jobs)
        override = await context.delivery.overrides.find(run.schedule_id)
        return self._gate.show(
            "run",
            visitor,
            run=run,
            outcome=outcome(run),
            tasks=tasks[(page - 1) * TASKS_PER_PAGE : page * TASKS_PER_PAGE],
            ended=sum(task.status.ended for task in tasks),
            number=page,
            has_more=len(tasks) > page * TASKS_PER_PAGE,
            trouble=trouble,
            changes=list_changes(run),
            compared=is_compared(run),
            kinds=await self._details.kinds(run, tasks),
            log=await self._details.log_tail(run),
            report=await context.reports.repository.find(run_id=run.id),
            has_links=context.reports.links.enabled,
            steps=steps,
            names=await place_names(context, [step.to for step in steps]),
            seen=[await context.people.users.display_name(each) for each in seen_by(jobs)],
            downloads=await context.reports.downloads.for_run(run.id),
            undelivered=len(await context.delivery.resender.undelivered(run.id)),
            mute=active_mute(override, context.clock()),
            acknowledgement=override.acknowledgement,
            may_act=visitor.may_act(run.schedule),
        )

    async def assets(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Search the assets of one kind."""
        run = await self._find(request, visitor)
        tasks, trouble = await self._tasks(run)
        kinds = await self._details.kinds(run, tasks)
        kind = request.query.get("kind", "") or next(iter(kinds), "")
        if kind not in kinds:
            return self._gate.trouble(visitor, "not_found", HTTPStatus.NOT_FOUND)
        words = request.query.get("q", "")[:MAX_SEARCH_CHARACTERS]
        query = AssetQuery(kind=kind, words=words, page=page_number(request))
        found = await self._details.assets(run, query)
        return self._gate.show(
            "assets",
            visitor,
            run=run,
            kinds=kinds,
            query=query,
            found=found,
            number=query.page,
            has_more=found.has_more,
            trouble=trouble,
        )

    async def report(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Lead to the report by a download link of this session."""
        run = await self._find(request, visitor)
        report = await visitor.context.reports.repository.find(run_id=run.id)
        cause = f"web:{visitor.session.id[:SESSION_ID_CHARACTERS]}"
        link = await visitor.context.reports.links.issue(report, cause=cause) if report else None
        if link is None:
            return self._gate.trouble(visitor, "no_report", HTTPStatus.NOT_FOUND)
        raise web.HTTPSeeOther(link.url)

    async def latest(self, _: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Lead to the run of the newest report that the visitor may see."""
        for report in await visitor.context.recent_reports(visitor.request, limit=1):
            raise web.HTTPSeeOther(f"/status/runs/{report.run_id}")
        return self._gate.trouble(visitor, "no_report", HTTPStatus.NOT_FOUND)

    async def _find(self, request: web.Request, visitor: Visitor) -> Run:
        run = await visitor.context.find_run(visitor.request, request.match_info["run"])
        if run is None:
            raise UserError("no_such_run", run=request.match_info["run"])
        return note_run(run)

    async def _tasks(self, run: Run) -> tuple[Sequence[Task], str]:
        """Return the tasks, and what is wrong with the engine."""
        try:
            return await self._details.tasks(run), ""
        except DingRunError as error:
            return (), str(error)
