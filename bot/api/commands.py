"""`/v1/commands`: runners without an open port fetch what they are asked to do."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from aiohttp import web

from bot.api.keys import ApiKey, Scope
from bot.api.models import CommandAnswer, CommandList, CommandQuery, DoneBody
from bot.api.operations import Operation, json_response, parse_query, read_json
from bot.api.problems import not_found
from bot.external.merge import RunReport
from bot.external.models import Command, CommandKind, ReportedStatus
from bot.external.repository import Commands
from bot.models import Clock
from bot.runs.reporting import RunReports

LEASE = timedelta(seconds=60)  # after which a command that is not done is given out again
POLL_SECONDS = 1.0
MAX_WAITING = 100  # requests that wait at once; more are answered at once


class CommandRoutes:
    """Gives commands to runners."""

    def __init__(self, commands: Commands, reports: RunReports, *, clock: Clock) -> None:
        self._commands = commands
        self._reports = reports
        self._clock = clock
        self._waiting = 0

    def operations(self) -> Sequence[Operation]:
        return (
            Operation(
                method="GET",
                path="/v1/commands",
                handler=self.claim,
                scope=Scope.REPORT,
                summary="Fetch the commands of a runner, leased for a minute. Waits for one if asked.",
                query=CommandQuery,
                answers={200: CommandList},
            ),
            Operation(
                method="POST",
                path="/v1/commands/{id}/done",
                handler=self.finish,
                scope=Scope.REPORT,
                summary="Say that a command was carried out or refused, so that it is not given out again.",
                body=DoneBody,
                answers={204: None},
            ),
        )

    async def claim(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        query = parse_query(request, CommandQuery)
        command = await self._claim(key, query.runner)
        if command is None and query.wait and self._waiting < MAX_WAITING:
            self._waiting += 1
            try:
                command = await self._wait(request, key, query)
            finally:
                self._waiting -= 1
        return json_response(CommandList(commands=[_describe(command)] if command else []))

    async def _claim(self, key: ApiKey, runner: str) -> Command | None:
        now = self._clock()
        return await self._commands.claim(runner, now, now + LEASE, may_take=lambda c: key.reaches(c.slug))

    async def _wait(self, request: web.Request, key: ApiKey, query: CommandQuery) -> Command | None:
        """Wait for a command. A runner that has gone takes none from the next one."""
        deadline = asyncio.get_running_loop().time() + query.wait
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            if request.transport is None or request.transport.is_closing():
                return None
            if command := await self._claim(key, query.runner):
                return command
        return None

    async def finish(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        command = await self._commands.find(request.match_info["id"])
        if command is None or not key.reaches(command.slug):
            raise not_found()
        done = await read_json(request, DoneBody)
        if done.outcome == "refused" and command.kind is CommandKind.RERUN:
            refused = RunReport(status=ReportedStatus.FAILED, error=done.reason or "refused", key=command.id)
            await self._reports.report(command.slug, command.rid, refused)
        await self._commands.finish(command.id)
        return web.Response(status=204)


def _describe(command: Command) -> CommandAnswer:
    return CommandAnswer.model_validate({
        "id": command.id,
        "type": command.kind.value,
        "schedule": command.slug,
        "run": command.run_id,
        "rid": command.rid,
        "asked_by": command.asked_by,
        "labels": dict(command.labels),
        "tasks": list(command.tasks),
    })
