"""Operations of the JSON API: each is declared once, as a route and in `openapi.json`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError

from bot.api.bodies import read_body
from bot.api.gate import Gate
from bot.api.keys import ApiKey, Scope
from bot.api.models import NoQuery
from bot.api.problems import Problem

MAX_JSON_BYTES = 1024 * 1024
JSON = "application/json"

Model = TypeVar("Model", bound=BaseModel)
Handler = Callable[[web.Request, ApiKey], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path.

    - `body`: the model of a JSON body, or None.
    - `media`: the type of a body that is no JSON.
    - `answers`: the models of the good answers by status; None is an empty one.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope
    summary: str
    body: type[BaseModel] | None = None
    media: str = ""
    query: type[BaseModel] = NoQuery
    headers: Mapping[str, str] = field(default_factory=dict)  # optional ones, with their meaning
    answers: Mapping[int, type[BaseModel] | None]
    answer_media: str = ""  # the type of good answers that are no JSON

    def route(self, gate: Gate) -> web.RouteDef:
        """Return the route. HEAD is not offered."""
        handler = gate.by_token(self.handler, self.scope)
        if self.method == "GET":
            return web.get(self.path, handler, allow_head=False)
        return web.route(self.method, self.path, handler)


async def read_json(request: web.Request, model: type[Model]) -> Model:
    """Read a JSON body. Raises `Problem` that names what is wrong."""
    if request.content_type != JSON and request.can_read_body:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type takes {JSON}")
    return parse_json(await read_body(request, max_bytes=MAX_JSON_BYTES), model)


def parse_json(raw: bytes, model: type[Model]) -> Model:
    """Parse a JSON body. Raises `Problem` that names what is wrong."""
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        if any(each["type"] == "json_invalid" for each in error.errors()):
            raise Problem(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
        raise invalid(error) from None


def parse_query(request: web.Request, model: type[Model]) -> Model:
    """Parse the parameters of a request. Raises `Problem` that names what is wrong."""
    doubled = [name for name in request.query if len(request.query.getall(name)) > 1]
    if doubled:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{doubled[0]} is given twice")
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> Problem:
    """Return the answer to invalid values: each with its place and what is accepted, never the value."""
    errors = [
        {"field": ".".join(map(str, each["loc"])), "problem": _problem(each["type"], each["msg"])}
        for each in error.errors()[:20]
    ]
    first = errors[0]
    detail = ": ".join(filter(None, (first["field"], first["problem"])))
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


def _problem(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is not a field"
    return message.removeprefix("Value error, ")


def json_response(
    model: BaseModel, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with a model."""
    return web.Response(
        status=status,
        text=model.model_dump_json(),
        content_type=JSON,
        headers={hdrs.CACHE_CONTROL: "no-store", **(headers or {})},
    )
