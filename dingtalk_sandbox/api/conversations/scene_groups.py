"""Groups made from a template: create, update, disband, query ("0746" to "0748", "0754", "0755")."""

import re
from dataclasses import replace

from dingtalk_sandbox.api.conversations.access import (
    MAX_MEMBERS,
    OPTIONS,
    find_group,
    owns_template,
    parse_options,
    parse_people,
    save_group,
    text_of,
)
from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family, oapi_answer
from dingtalk_sandbox.conversations import new_id
from dingtalk_sandbox.errors import ApiError, Json, api_error, oapi_error
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.state import SandboxState

MANAGE, READ = "qyapi_chat_manage", "qyapi_chat_read"
MAX_TITLE = 30
MORE_OPTIONS = {
    "only_admin_can_ding", "all_members_can_create_mcs_conf", "all_members_can_create_calendar",
    "group_email_disabled", "only_admin_can_set_msg_top", "add_friend_forbidden", "group_live_switch",
    "members_to_admin_chat", "plugin_customize_verify", "not_quit_when_emp_leave", "only_admin_can_add_mem",
}  # fmt: skip


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


NAMES = {_snake(name): name for name in OPTIONS} | {name: name for name in MORE_OPTIONS}
"""Options as these calls name them, and as the group has them."""


def _invalid(field: str) -> ApiError:
    return api_error("parameter.invalid", f"输入参数错误: {field}")


def create(state: SandboxState, call: Call) -> Json:
    """Create a group with the robots of its template. A `uuid` that was used before gives its group."""
    uuid = call.body.get("uuid")
    key = (call.app.key, str(uuid or ""))
    if key in state.group_uuids:
        return _created(state.group_uuids[key])
    group = _new_group(state, call)
    save_group(state, group)
    if uuid:
        state.group_uuids[key] = group
    return _created(group)


def _new_group(state: SandboxState, call: Call) -> Group:
    body, scenario = call.body, state.scenario
    title = text_of(body.get("title"), MAX_TITLE)
    if not title:
        raise _invalid("title")
    template = scenario.group_template(str(body.get("template_id")))
    if template is None:
        raise api_error("groupTemplate.notFound", "群模板不存在或者已下线")
    owner = scenario.colleague(str(body.get("owner_user_id")))
    if owner is None:
        raise api_error("member.notFound", "不存在的员工")
    members, admins = _first_members(state, body, owner.id)
    options = parse_options(body.get("management_options"), NAMES)
    if options is None:
        raise _invalid("management_options")
    group = Group(
        id=new_id("cid") + "==", chat_id=new_id("chat"), title=title, members=members, owner=owner.id,
        admins=admins, template=template.id, robots=template.robots, options=options,
    )  # fmt: skip
    if not owns_template(state, call, group):
        raise api_error("groupTemplate.permessionDenied.orgNotConsistent", "不是此应用的群模板")
    return group


def _first_members(state: SandboxState, body: Json, owner: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the members and the administrators of a new group."""
    people = parse_people(state, body, "user_ids", "union_ids")
    admins = parse_people(state, body, "subadmin_ids", "subadmin_union_ids")
    if people is None or admins is None:
        raise _invalid("user_ids or subadmin_ids")
    members = tuple(dict.fromkeys([owner, *(person.id for person in (*admins, *people))]))
    if len(members) > MAX_MEMBERS:
        raise api_error("member.exceed", "群成员数量超出限制")
    return members, tuple(person.id for person in admins)


def _created(group: Group) -> Json:
    return {"open_conversation_id": group.id, "chat_id": group.chat_id}


def update(state: SandboxState, call: Call) -> Json:
    body, group = call.body, find_group(state, call.body.get("open_conversation_id"))
    if group is None:
        raise _invalid("open_conversation_id")
    if not owns_template(state, call, group):
        raise api_error("permession.checkFailed", "权限校验失败")  # DingTalk's spelling
    options = parse_options(body.get("management_options"), NAMES)
    title = text_of(body.get("title"), MAX_TITLE) if body.get("title") is not None else group.title
    owner = _new_owner(state, body, group)
    if options is None or not title or owner not in group.members:
        raise _invalid("title, owner_user_id or management_options")
    save_group(state, replace(group, title=title, owner=owner, options={**group.options, **options}))
    return {"success": True}


def _new_owner(state: SandboxState, body: Json, group: Group) -> str:
    if body.get("owner_user_id"):
        return str(body["owner_user_id"])
    person = state.scenario.person(str(body.get("owner_union_id") or ""), 2)
    return person.id if person else group.owner_id


def disband(state: SandboxState, call: Call) -> Json:
    group = find_group(state, call.body.get("openConversationId"))
    if group is None or group.disbanded:
        raise api_error("paramIllegal", "参数错误")
    if not owns_template(state, call, group):
        raise api_error("permession.checkFailed", "权限校验失败")
    save_group(state, replace(group, disbanded=True))
    return {"success": True}


def readable_group(state: SandboxState, call: Call) -> Group:
    """Return the group that "0751" and "0754" name: of a template or a cool app of this app."""
    id_, cool_app = call.body.get("openConversationId"), call.body.get("coolAppCode")
    if not id_:
        raise api_error("paramBlank", "请求参数为空")
    group = find_group(state, id_)
    if group is None:
        raise api_error("cidEncryptError", "群ID解析错误")
    if cool_app:
        _check_cool_app(state, call, group)
        return group
    if group.foreign or not group.template:
        raise api_error("groupPermissionDenied", "无权限，该群没有安装群模板")
    if not owns_template(state, call, group):
        raise api_error("groupTemplatePermissionDenied", "该群安装的群模板不属于当前应用")
    return group


def _check_cool_app(state: SandboxState, call: Call, group: Group) -> None:
    given = call.body["coolAppCode"]
    if all(each.cool_app != given for each in state.scenario.groups):
        raise api_error("coolAppUnexist", "群聊酷应用不存在")
    if group.cool_app != given:
        raise api_error("coolAppUninstalled", "该群没有安装群聊酷应用")
    if call.app.robot not in group.robots:
        raise api_error("coolAppPermissionDenied", "指定的群聊酷应用不属于当前应用")


def _status(group: Group) -> int:
    return 2 if group.disbanded else 1


def _url(group: Group) -> str:
    return f"https://qr.dingtalk.com/action/joingroup?code={group.chat_id}"


def query(state: SandboxState, call: Call) -> Json:
    """Return the name, owner, template and status of a group ("0754")."""
    group = readable_group(state, call)
    return {
        "success": True, "openConversationId": group.id, "templateId": group.template, "title": group.title,
        "ownerUserId": group.owner_id, "icon": group.icon, "groupUrl": _url(group), "status": _status(group),
    }  # fmt: skip


def query_options(state: SandboxState, call: Call) -> Json:
    """Return a group with its options, which are texts here ("0755")."""
    id_ = call.body.get("open_conversation_id")
    if not isinstance(id_, str) or not id_:
        raise oapi_error(40035, "无效的请求参数")
    group = find_group(state, id_)
    if group is None:
        raise oapi_error(400001, "系统错误")
    if not group.template or not owns_template(state, call, group):
        raise oapi_error(400020, "无访问权限")
    result = {
        "open_conversation_id": group.id, "template_id": group.template, "title": group.title,
        "owner_staff_id": group.owner_id, "sub_admin_staff_ids": list(group.admins), "icon": group.icon,
        "group_url": _url(group),
        "management_options": {_snake(name): str(group.options.get(name, 0)) for name in sorted(OPTIONS)},
    }  # fmt: skip
    return oapi_answer(success=True, result=result)


ENDPOINTS = (
    *(
        Endpoint(method="POST", path=f"/v1.0/im/{path}", handler=act, scope=MANAGE)
        for path, act in (
            ("sceneGroup/create", create),
            ("sceneGroup/update", update),
            ("chat/scenegroup/disband", disband),
            ("sceneGroups/query", query),
        )
    ),
    Endpoint(
        method="POST", path="/topapi/im/chat/scenegroup/get", handler=query_options, family=Family.OLD,
        scope=READ,
    ),
)  # fmt: skip
