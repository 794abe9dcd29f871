"""Control calls that set up a bot: confirm a registration, add a robot to a group."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.registrations import Registration, new_app
from dingtalk_sandbox.state import SandboxState

REGISTRATION_FIELDS = (
    "expected {user_code, action: confirm, user, robot_name?} or {…, action: refuse, reason?}"
)
ROBOT_FIELDS = "expected {group, robot, action: add or remove}"


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


def decide_registration(state: SandboxState, given: Any) -> Json:
    """Confirm or refuse a registration as a person who scanned its code. Raises `UsageError`."""
    match given:
        case {"user_code": str() as code, "action": "confirm", "user": str() as user, **more}:
            registration = _confirm(state, code, user, more.get("robot_name", ""))
        case {"user_code": str() as code, "action": "refuse", **more}:
            registration = state.registrations.refuse(code, str(more.get("reason", "")))
        case _:
            raise UsageError(REGISTRATION_FIELDS)
    state.feed.publish("change", None)
    return serialize_registration(state, registration)


def _confirm(state: SandboxState, code: str, user: str, robot_name: object) -> Registration:
    person = state.scenario.person(user)
    if person is None:
        raise UsageError(f"no such person: {user!r}")
    if not isinstance(robot_name, str):
        raise UsageError(REGISTRATION_FIELDS)
    apps = state.scenario.apps
    app = new_app(robot_name.strip(), max((each.agent_id for each in apps), default=3000) + 1)
    registration = state.registrations.confirm(code, person, app)
    state.scenario = replace(state.scenario, apps=(*apps, app))
    return registration


def change_robots(state: SandboxState, given: Any) -> Json:
    """Add the robot of an app to a group, or remove it. Raises `UsageError`."""
    match given:
        case {"group": str() as id_, "robot": str() as robot, "action": "add" | "remove" as action}:
            group = state.scenario.group(id_)
        case _:
            raise UsageError(ROBOT_FIELDS)
    if group is None:
        raise UsageError(f"no such group: {id_!r}")
    if state.scenario.app_by_robot(robot) is None:
        raise UsageError(f"no app has the robot {robot!r}")
    others = tuple(each for each in group.robots if each != robot)
    changed = replace(group, robots=(*others, robot) if action == "add" else others)
    groups = tuple(changed if each.id == id_ else each for each in state.scenario.groups)
    state.scenario = replace(state.scenario, groups=groups)
    state.feed.publish("change", None)
    return {"group": id_, "robots": list(changed.robots)}


def list_registrations(state: SandboxState) -> web.Response:
    return web.json_response([serialize_registration(state, each) for each in state.registrations.all()])
