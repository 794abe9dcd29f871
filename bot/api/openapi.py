"""`openapi.json` (OpenAPI 3.1), generated from the operations and their models."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot import __version__
from bot.api.models import ProblemAnswer
from bot.api.operations import JSON, Operation
from bot.api.problems import CONTENT_TYPE

REFERENCE = "#/components/schemas/{model}"
PROBLEMS = {
    "400": "Not understood.",
    "401": "No key is given.",
    "403": "The key lacks the scope.",
    "404": "The key, the schedule or the run is unknown.",
    "408": "The body came too slowly.",
    "409": "The state does not allow it.",
    "413": "The body is too big.",
    "415": "The body has another type.",
    "422": "A field is invalid; the detail names it.",
    "429": "Too many requests; see `Retry-After`.",
    "503": "Not possible now; see `Retry-After`.",
}
HEADER_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
TEXT_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 100}
PATH_SCHEMAS = {"id": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,130}$"}}
_PARAMETER = re.compile(r"\{(\w+)\}")


def build_document(operations: Sequence[Operation]) -> Mapping[str, Any]:
    """Return the document for these operations."""
    found = {model.__name__: model for each in operations for model in _models(each)}
    models: list[type[BaseModel]] = [*(found[name] for name in sorted(found)), ProblemAnswer]
    _, schemas = models_json_schema([(model, _mode(model)) for model in models], ref_template=REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "DingRun", "version": __version__, "summary": "Runs that other systems execute"},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _models(operation: Operation) -> Iterator[type[BaseModel]]:
    for model in (operation.body, *operation.answers.values()):
        if model is not None:
            yield model


def _mode(model: type[BaseModel]) -> Any:
    return "serialization" if model.model_config.get("extra") != "forbid" else "validation"


def _operation(operation: Operation) -> Mapping[str, Any]:
    answers = {
        str(status): {"description": "Done.", **_answer_content(operation, model)}
        for status, model in operation.answers.items()
    }
    problem = _content(CONTENT_TYPE, ProblemAnswer)
    problems = {status: {"description": words, "content": problem} for status, words in PROBLEMS.items()}
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _operation_id(operation),
        "parameters": list(_parameters(operation)),
        "responses": {**problems, **answers},
    }
    if operation.body:
        described["requestBody"] = {"content": _content(JSON, operation.body), "required": True}
    if operation.media:
        schema = {"type": "string", "format": "binary"}
        described["requestBody"] = {"content": {operation.media: {"schema": schema}}, "required": True}
    return described


def _answer_content(operation: Operation, model: type[BaseModel] | None) -> Mapping[str, Any]:
    if operation.answer_media:
        return {"content": {operation.answer_media: {"schema": {"type": "string"}}}}
    return {"content": _content(JSON, model)} if model else {}


def _operation_id(operation: Operation) -> str:
    words = [word for word in re.split(r"[/{}.:]+", operation.path.removeprefix("/v1")) if word]
    return "_".join((operation.method.lower(), *words))


def _content(media: str, model: type[BaseModel]) -> Mapping[str, Any]:
    return {media: {"schema": {"$ref": REFERENCE.format(model=model.__name__)}}}


def _parameters(operation: Operation) -> Iterator[Mapping[str, Any]]:
    for name in _PARAMETER.findall(operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": PATH_SCHEMAS.get(name, TEXT_SCHEMA)}
    schema = operation.query.model_json_schema()
    for name, property_schema in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        yield {"name": name, "in": "query", "required": required, "schema": property_schema}
    for name, words in operation.headers.items():
        yield {"name": name, "in": "header", "description": words, "schema": HEADER_SCHEMA}
