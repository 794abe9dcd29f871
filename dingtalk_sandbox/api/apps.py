"""The apps of the organization ("0865", and "1603" of the old API)."""

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.scenario import App
from dingtalk_sandbox.state import SandboxState

ENABLED, H5, INTERNAL = 1, 0, 0
LINKS = {"homepageLink": "", "pcHomepageLink": "", "ompLink": ""}


def list_apps(state: SandboxState, _: Call) -> Json:
    return {"appList": [_describe(app) for app in state.scenario.apps]}


def _describe(app: App) -> Json:
    about = {"agentId": app.agent_id, "name": app.robot_name, "desc": "", "icon": "", "appId": INTERNAL}
    robot = {"name": app.robot_name, "robotCode": app.robot}
    return about | LINKS | {"appStatus": ENABLED, "developType": H5, "robotInfo": robot, "coolAppInfo": []}


def list_apps_of_old_api(state: SandboxState, _: Call) -> Json:
    apps = [
        {"agentId": app.agent_id, "name": app.robot_name, "appDesc": "", "appIcon": ""}
        | {"appStatus": ENABLED, "isSelf": True}
        | LINKS
        for app in state.scenario.apps
    ]
    return {"errcode": 0, "errmsg": "ok", "appList": apps}


ENDPOINTS = (
    Endpoint(
        method="GET", path="/v1.0/microApp/allInnerApps", handler=list_apps, scope="qyapi_get_microapp_list"
    ),
    Endpoint(
        method="POST", path="/microapp/list", handler=list_apps_of_old_api, family=Family.OLD,
        scope="qyapi_get_microapp_list", takes_body=False,
    ),
)  # fmt: skip
