"""`openapi.json` (OpenAPI 3.1), generated from the operations and their models."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.reference.answers import ErrorAnswer
from dingtalk_sandbox.reference.operations import Operation

API_VERSION = "1"
JSON_TYPE = "application/json"
REFERENCE = "#/components/schemas/{model}"


def build_document(operations: Iterable[Operation]) -> Json:
    """Return the document for these operations."""
    listed = tuple(operations)
    found: set[type[BaseModel]] = {ErrorAnswer, *(each.answer for each in listed)}
    models = sorted(found | {each.body for each in listed if each.body}, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=REFERENCE)
    paths: dict[str, Json] = {}
    for each in listed:
        paths.setdefault(each.path, {})[each.method.lower()] = _describe(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dingtalk-sandbox",
            "version": API_VERSION,
            "summary": "Control API of the sandbox",
        },
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }


def _describe(operation: Operation) -> Json:
    described: Json = {
        "operationId": operation.call.lower().replace(" ", "_"),
        "summary": operation.english,
        "description": operation.chinese,
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in operation.query
        ],
        "responses": {
            "200": _answer("Done.", operation.answer),
            "400": _answer("Not accepted; the error says what is.", ErrorAnswer),
        },
    }
    if operation.call == "POST expect":
        described["responses"]["408"] = _answer("Not in time.", ErrorAnswer)
    if operation.body:
        described["requestBody"] = {"content": _content(operation.body, operation.example)}
    return described


def _answer(words: str, model: type[BaseModel]) -> Json:
    return {"description": words, "content": _content(model)}


def _content(model: type[BaseModel], example: Any = None) -> Json:
    content: Json = {"schema": {"$ref": REFERENCE.format(model=model.__name__)}}
    return {JSON_TYPE: content if example is None else content | {"example": example}}
