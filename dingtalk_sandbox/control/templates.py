"""Control calls for exports of the card builder: load and describe them."""

from collections.abc import Mapping

from aiohttp import web

from dingtalk_sandbox.control.requests import read_body, with_usage_errors
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.templates.description import describe_template
from dingtalk_sandbox.templates.document import CardTemplate
from dingtalk_sandbox.templates.loading import load_exports


class Templates:
    """Handlers of `templates`."""

    def __init__(self, state: SandboxState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_sandbox/templates", with_usage_errors(self.describe)),
            web.post("/_sandbox/templates", with_usage_errors(self.load)),
        ]

    async def describe(self, _: web.Request) -> web.Response:
        """List the templates that are drawn from an export."""
        return web.json_response({"templates": _described(self._state.scenario.designs)})

    async def load(self, request: web.Request) -> web.Response:
        """`{id: export}`: add exports, or replace those with the same id. They survive a reset."""
        body = await read_body(request)
        if not isinstance(body, Mapping) or not body:
            raise UsageError("expected {id: export}, with exports of the card builder")
        _, designs = load_exports(body, None)
        state = self._state
        state.scenario = state.scenario.with_designs(designs)
        state.initial_scenario = state.initial_scenario.with_designs(designs)
        state.feed.publish("change", None)
        return web.json_response({"templates": _described(designs)})


def _described(designs: Mapping[str, CardTemplate]) -> list[Json]:
    return [{"id": id_, **describe_template(design)} for id_, design in designs.items()]
