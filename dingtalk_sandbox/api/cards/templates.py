"""Copies of a card template ("0788"). The scope is granted to apps of third parties only."""

import uuid
from dataclasses import replace

from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import SandboxState

SCOPE = "Card.Template.ReadWrite.All"


def copy(state: SandboxState, call: Call) -> Json:
    """Copy a template. The copy is published as the original is (not documented)."""
    given = call.body.get("templateId")
    scenario = state.scenario
    template = scenario.template(given) if isinstance(given, str) else None
    if template is None:
        raise api_error("template.not.exist", "Target template don't exist")
    made = replace(template, id=f"{uuid.uuid4()}.schema")
    designs = dict(scenario.designs)
    if template.id in designs:
        designs[made.id] = designs[template.id]
    state.scenario = replace(scenario, templates=(*scenario.templates, made), designs=designs)
    return {"success": True, "data": {"templateId": made.id}}


ENDPOINTS = (Endpoint(method="POST", path="/v1.0/card/templates/copy", handler=copy, scope=SCOPE),)
