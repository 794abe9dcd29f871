"""Control calls that set up a bot: confirm a registration, add a robot to a group."""

from dataclasses import replace

from aiohttp import web

from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.reference.bodies import ConfirmBody, RefuseBody, RobotsBody
from dingtalk_sandbox.registrations import Registration, new_app
from dingtalk_sandbox.state import SandboxState


def serialize_registration(state: SandboxState, registration: Registration) -> Json:
    """Serialize a registration without its secrets."""
    return {
        "userCode": registration.user_code,
        "source": registration.source,
        "status": registration.status(state.clock.now()).value,
        "expires": registration.expires.isoformat(),
        "app": registration.app.key if registration.app else "",
        "robotName": registration.app.robot_name if registration.app else "",
        "failReason": registration.fail_reason,
    }


def decide_registration(state: SandboxState, given: ConfirmBody | RefuseBody) -> Json:
    """Confirm or refuse a registration as a person who scanned its code. Raises `UsageError`."""
    if isinstance(given, ConfirmBody):
        registration = _confirm(state, given)
    else:
        registration = state.registrations.refuse(given.user_code, given.reason)
    state.feed.publish("change", None)
    return serialize_registration(state, registration)


def _confirm(state: SandboxState, given: ConfirmBody) -> Registration:
    person = state.scenario.person(given.user)
    if person is None:
        raise UsageError(f"no such person: {given.user!r}")
    apps = state.scenario.apps
    app = new_app(given.robot_name.strip(), max((each.agent_id for each in apps), default=3000) + 1)
    registration = state.registrations.confirm(given.user_code, person, app)
    state.scenario = replace(state.scenario, apps=(*apps, app))
    return registration


def change_robots(state: SandboxState, given: RobotsBody) -> Json:
    """Add the robot of an app to a group, or remove it. Raises `UsageError`."""
    group = state.scenario.group(given.group)
    if group is None:
        raise UsageError(f"no such group: {given.group!r}")
    if state.scenario.app_by_robot(given.robot) is None:
        raise UsageError(f"no app has the robot {given.robot!r}")
    others = tuple(each for each in group.robots if each != given.robot)
    changed = replace(group, robots=(*others, given.robot) if given.action == "add" else others)
    groups = tuple(changed if each.id == group.id else each for each in state.scenario.groups)
    state.scenario = replace(state.scenario, groups=groups)
    state.feed.publish("change", None)
    return {"group": group.id, "robots": list(changed.robots)}


def list_registrations(state: SandboxState) -> web.Response:
    return web.json_response([serialize_registration(state, each) for each in state.registrations.all()])
