"""Write a scenario in the format of a scene file."""

from dataclasses import asdict, replace

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.scenario import Scenario
from dingtalk_sandbox.templates.registered import PUBLIC_TEMPLATES


def dump_scenario(scenario: Scenario) -> Json:
    """Return a scenario in the format of a scene file, including its secrets."""
    given = asdict(replace(scenario, designs={}))
    del given["designs"]
    exports = {id_: {"export": design.source} for id_, design in scenario.designs.items()}
    given["templates"] = [
        asdict(t) | exports.get(t.id, {}) for t in scenario.templates if t not in PUBLIC_TEMPLATES
    ]
    given["apps"] = [app | {"scopes": sorted(app["scopes"])} for app in given["apps"]]
    for person in given["people"]:
        person["role"] = str(person["role"])
    return given
