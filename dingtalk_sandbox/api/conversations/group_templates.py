"""Templates of groups: enable, disable, robots ("0758" to "0760")."""

from dataclasses import replace

from dingtalk_sandbox.api.conversations.access import find_group, owns_template, save_group
from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family
from dingtalk_sandbox.errors import Json, api_error, oapi_error
from dingtalk_sandbox.scene.groups import Group, GroupTemplate
from dingtalk_sandbox.state import SandboxState

MANAGE = "qyapi_chat_manage"


def _named(state: SandboxState, call: Call) -> tuple[Group, GroupTemplate]:
    template = state.scenario.group_template(str(call.body.get("template_id")))
    if template is None:
        raise oapi_error(665036, "群模板不存在或停用")
    group = find_group(state, call.body.get("open_conversation_id"))
    if group is None:
        raise oapi_error(660023, "群ID解码失败")
    if call.body.get("owner_user_id") != group.owner_id:
        raise oapi_error(500, "系统异常")  # the page has no code of its own for it
    return group, template


def enable(state: SandboxState, call: Call) -> Json:
    """Enable a template in a group: its robots join."""
    group, template = _named(state, call)
    robots = tuple(dict.fromkeys([*group.robots, *template.robots]))
    save_group(state, replace(group, template=template.id, robots=robots))
    return {"errcode": 0, "errmsg": "ok", "success": True}


def disable(state: SandboxState, call: Call) -> Json:
    """Disable the template of a group: its robots leave."""
    group, template = _named(state, call)
    if group.template != template.id:
        raise oapi_error(665036, "群模板不存在或停用")
    robots = tuple(robot for robot in group.robots if robot not in template.robots)
    save_group(state, replace(group, template="", robots=robots))
    return {"errcode": 0, "errmsg": "ok", "success": True}


def robots(state: SandboxState, call: Call) -> Json:
    """Return the ids under which a robot of a template is a member (ours: not documented how they look)."""
    id_, code = call.query.get("openConversationId"), call.query.get("robotCode")
    if not id_:
        raise api_error("invalidParam.openConversationIdEmpry", "会话ID为空")  # DingTalk's spelling
    if not code:
        raise api_error("invalidParam.robotCodeEmpry", "机器人编码为空")
    group = find_group(state, id_)
    if group is None:
        raise api_error("not.found", "群聊不存在")
    if group.foreign:
        raise api_error("unauthorized", "群聊所属企业不匹配")
    if not group.template:
        raise api_error("unavailable", "群内未安装群模板")
    if not owns_template(state, call, group):
        raise api_error("auth.failed", "群模板不属于当前应用")
    if code not in group.robots:
        raise api_error("robotNotFound", "机器人不存在")
    return {"success": True, "result": {"userId": f"robot-{code}"}}


ENDPOINTS = (
    Endpoint(method="GET", path="/v1.0/im/sceneGroups/templates/robots", handler=robots, scope=MANAGE),
    *(
        Endpoint(
            method="POST", path=f"/topapi/im/chat/scenegroup/template/{verb}", handler=act,
            family=Family.OLD, scope=MANAGE,
        )
        for verb, act in (("apply", enable), ("close", disable))
    ),
)  # fmt: skip
