"""Warnings about the data of a card whose template was exported from the card builder.

DingTalk documents no error for them: such a card has empty places. They are logged, and kept as `warnings` of
the call for the inspector.
"""

import logging

from dingtalk_sandbox.api.pipeline import Call
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.templates.lint import data_problems, missing_variables
from dingtalk_sandbox.validation import cards as rules

log = logging.getLogger(__name__)


def warn_of_data(state: SandboxState, call: Call, template: str, *, creates: bool) -> None:
    """Check the variables of a valid request against the template, before private data is filtered."""
    design = state.scenario.designs.get(template)
    if design is None:
        return
    public = rules.parse_param_map(call.body.get("cardData"))
    maps = list(rules.parse_private_data(call.body.get("privateData")).values())
    problems = data_problems(design, public, private=False)
    for values in maps:
        problems += data_problems(design, values, private=True)
    if creates:
        problems += missing_variables(design, public | {name: "" for values in maps for name in values})
    problems = list(dict.fromkeys(problems))
    if problems:
        call.exchange["warnings"] = problems
    for problem in problems:
        log.warning("card %s: %s", call.body.get("outTrackId"), problem)
