"""`/v1/events`, `/api/v1/lineage` and `/v1/hooks`: take events, and report what they say."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from bot.api.admission import Admission
from bot.api.bodies import read_body
from bot.api.events.cloudevents import parse_cloudevent
from bot.api.events.lineage import parse_lineage_event
from bot.api.events.reading import BadEventError, Event, EventReport
from bot.api.events.senders import SENDERS
from bot.api.gate import Gate
from bot.api.keys import ApiKey, Scope
from bot.api.models import Answer
from bot.api.operations import Operation, json_response
from bot.api.problems import Problem, not_found
from bot.runs.reporting import RunReports

MAX_EVENT_BYTES = 5 * 1024 * 1024
MAX_EVENTS = 100  # in one request
BINARY_PREFIX = "ce-"


class EventBody(BaseModel):
    """An event in the format of its system."""

    model_config = ConfigDict(extra="allow")


class EventAnswer(Answer):
    """Number of reports that came of the events."""

    accepted: int


class EventRoutes:
    """Takes events."""

    def __init__(self, gate: Gate, admission: Admission, reports: RunReports) -> None:
        self._gate = gate
        self._admission = admission
        self._reports = reports

    def operations(self) -> Sequence[Operation]:
        answers: Mapping[int, type[BaseModel] | None] = {202: EventAnswer}
        return (
            Operation(
                method="POST",
                path="/v1/events",
                handler=self.cloudevents,
                scope=Scope.REPORT,
                summary="Take CloudEvents about pipeline runs: CDEvents and Tekton.",
                body=EventBody,
                answers=answers,
            ),
            Operation(
                method="POST",
                path="/api/v1/lineage",
                handler=self.lineage,
                scope=Scope.REPORT,
                summary="Take OpenLineage run events.",
                body=EventBody,
                answers=answers,
            ),
        )

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of webhooks, whose key stands in the path."""
        return [web.post("/v1/hooks/{key}/{sender}", self._gate.by_path(self.hook))]

    async def cloudevents(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        payload = _parse(await read_body(request, max_bytes=MAX_EVENT_BYTES))
        attributes = {
            name.lower().removeprefix(BINARY_PREFIX): value
            for name, value in request.headers.items()
            if name.lower().startswith(BINARY_PREFIX)
        }
        if attributes:  # the binary mode
            payload = {**attributes, "data": payload}
        return await self._take(key, _reports(parse_cloudevent, _as_list(payload)))

    async def lineage(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        payload = _parse(await read_body(request, max_bytes=MAX_EVENT_BYTES))
        return await self._take(key, _reports(parse_lineage_event, _as_list(payload)))

    async def hook(self, request: web.Request, key: ApiKey) -> web.StreamResponse:
        sender = request.match_info["sender"]
        if sender not in SENDERS:
            raise not_found()
        raw = await read_body(request, max_bytes=MAX_EVENT_BYTES)
        if key.secret and not is_signed(sender, request.headers, raw, key.secret):
            raise not_found()
        try:
            reports = SENDERS[sender](_parse(raw), request.headers)
        except BadEventError as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        return await self._take(key, reports)

    async def _take(self, key: ApiKey, events: Sequence[EventReport]) -> web.StreamResponse:
        """Report the events. Raises `Problem` (404) if the key reaches the schedule of none."""
        accepted = 0
        for event in events[:MAX_EVENTS]:
            try:
                await self._admission.find_or_create(key, event.slug)
            except Problem:
                if len(events) == 1:
                    raise
                continue
            await self._reports.report(event.slug, event.client_id, event.report)
            accepted += 1
        return json_response(EventAnswer(accepted=accepted), HTTPStatus.ACCEPTED)


def is_signed(sender: str, headers: Mapping[str, str], raw: bytes, secret: bytes) -> bool:
    """Check the signature of a sender that signs: GitHub. GitLab sends the secret itself. Others do not."""
    if sender == "github":
        expected = "sha256=" + hmac.new(secret, raw, hashlib.sha256).hexdigest()
        given = headers.get("X-Hub-Signature-256", "")
    elif sender == "gitlab":
        expected, given = secret.decode(errors="replace"), headers.get("X-Gitlab-Token", "")
    else:
        return True
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def _reports(parse: Callable[[Event], EventReport | None], events: Sequence[Event]) -> Sequence[EventReport]:
    """Return the reports of events. Raises `Problem` that names what one lacks."""
    try:
        return [report for event in events if (report := parse(event))]
    except BadEventError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None


def _as_list(payload: Any) -> Sequence[Mapping[str, Any]]:
    events = payload if isinstance(payload, list) else [payload]
    if not all(isinstance(each, Mapping) for each in events):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "takes an object, or a list of objects")
    return events
