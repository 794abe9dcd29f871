"""Description of a template, for the control API and the command line."""

from collections import Counter

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.actions import declared_requests
from dingtalk_sandbox.templates.document import CardTemplate, Variable
from dingtalk_sandbox.templates.lint import template_problems


def describe_template(template: CardTemplate) -> Json:
    """Return `{variables, expressions, components, requests, problems}` of a template."""
    return {
        "variables": [_variable(v) for v in template.variables.values()],
        "expressions": dict(template.expressions),
        "components": dict(sorted(Counter(c.name for c in template.components()).items())),
        "requests": declared_requests(template),
        "problems": template_problems(template),
    }


def _variable(variable: Variable) -> Json:
    scope = "local" if variable.local else "private" if variable.private else "public"
    shown: Json = {"name": variable.name, "type": variable.type, "scope": scope}
    return shown | ({"fields": [_variable(v) for v in variable.inner]} if variable.inner else {})
