"""Members of groups made from a template: add, remove, list, roles, names, mutes ("0749" to "0757")."""

from dataclasses import replace
from typing import Any

from dingtalk_sandbox.api.conversations.access import (
    MAX_MEMBERS,
    find_group,
    owns_template,
    parse_people,
    save_group,
    text_of,
)
from dingtalk_sandbox.api.conversations.scene_groups import readable_group
from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.state import SandboxState

MANAGE, READ = "qyapi_chat_manage", "qyapi_chat_read"
ADMIN, MEMBER = 2, 3
MAX_ADMINS = 12
MAX_NICK = 30
MAX_MUTED = 999


def _changed_members(state: SandboxState, call: Call) -> tuple[Group, list[str]]:
    group = find_group(state, call.body.get("open_conversation_id"))
    people = parse_people(state, call.body, "user_ids", "union_ids")
    if group is None or not people:
        raise api_error("parameter.invalid", "输入参数错误")
    if not owns_template(state, call, group):
        raise api_error("permession.checkFailed", "权限校验失败")  # DingTalk's spelling
    return group, [person.id for person in people]


def add(state: SandboxState, call: Call) -> Json:
    group, added = _changed_members(state, call)
    members = tuple(dict.fromkeys([*group.members, *added]))
    if len(members) > MAX_MEMBERS:
        raise api_error("parameter.invalid", "群成员数量超出限制")
    save_group(state, replace(group, members=members))
    return {"success": True}


def remove(state: SandboxState, call: Call) -> Json:
    """Remove members. The owner stays (not documented)."""
    group, removed = _changed_members(state, call)
    gone = set(removed) - {group.owner_id}
    members = tuple(id_ for id_ in group.members if id_ not in gone)
    admins = tuple(id_ for id_ in group.admins if id_ not in gone)
    save_group(state, replace(group, members=members, admins=admins, owner=group.owner_id))
    return {"success": True}


def list_members(state: SandboxState, call: Call) -> Json:
    """List all members: up to a thousand come at once, whatever `maxResults` says."""
    group = readable_group(state, call)
    if not call.body.get("maxResults"):
        raise api_error("paramBlank", "请求参数为空")
    if type(call.body["maxResults"]) is not int:
        raise api_error("paramIllegal", "请求参数非法")
    people = [person for person in map(state.scenario.person, group.members) if person]
    inside = [person for person in people if person.is_internal]
    outside = [person for person in people if not person.is_internal]
    return {
        "success": True, "hasMore": False, "nextToken": "",
        "memberUserIds": [person.id for person in inside],
        "unionIdList": [person.union_id for person in outside],
        "staffIdNickMap": {person.id: group.nicks.get(person.id, person.name) for person in inside},
        "unionIdNickMap": {person.union_id: person.name for person in outside},
    }  # fmt: skip


def set_admins(state: SandboxState, call: Call) -> Json:
    body, group = call.body, _own_group(state, call, unknown="invalidOpenConversationId")
    if group.disbanded:
        raise api_error("groupDisbang", "群已经解散")  # DingTalk's spelling
    role = body.get("role")
    if type(role) is not int or role not in {ADMIN, MEMBER}:
        raise api_error("invalidParams", "不合法的参数")
    if isinstance(body.get("userIds"), list) and len(body["userIds"]) > MAX_ADMINS:
        raise api_error("subAdminNumberExcessive", "管理员数量超过最大限制")
    people = parse_people(state, body, "userIds", "unionIds")
    if not people:
        raise api_error("userNotExists" if people is None else "invalidUserIds", "无效的用户ID清单")
    users = [person.id for person in people]
    if any(user not in group.members for user in users):
        raise api_error("userNotInGroup", "用户不在群中")
    others = tuple(admin for admin in group.admins if admin not in users)
    save_group(state, replace(group, admins=(*others, *users) if role == ADMIN else others))
    return {"success": True}


def _own_group(state: SandboxState, call: Call, *, unknown: str) -> Group:
    group = find_group(state, call.body.get("openConversationId"))
    if group is None:
        raise api_error(unknown, "群 ID 解码失败")
    if not owns_template(state, call, group):
        raise api_error("groupPermissionDenied", "无权限访问此群数据")
    return group


def name_member(state: SandboxState, call: Call) -> Json:
    body = call.body
    if any(not body.get(name) for name in ("openConversationId", "userId", "groupNick")):
        raise api_error("paramBlank", "请求参数为空")
    group = _own_group(state, call, unknown="openConversationIdDecriptFailed")
    nick, person = text_of(body["groupNick"], MAX_NICK), state.scenario.person(str(body["userId"]))
    if not nick:
        raise api_error("paramIllegal", "groupNick")
    if person is None:
        raise api_error("invalidUserId", "无效的用户ID")
    if person.id not in group.members:
        raise api_error("userNotInGroup", "用户不在群内")
    save_group(state, replace(group, nicks={**group.nicks, person.id: nick}))
    return {"success": True}


def mute(state: SandboxState, call: Call) -> Json:
    """Mute members for a time, or end it. The owner and administrators cannot be muted."""
    group = find_group(state, call.body.get("openConversationId"))
    if group is None:
        raise api_error("invalidParameter.openConversationIdError", "不合法的会话ID")
    if group.foreign:
        raise api_error("group.org.checkFailed", "群不属于当前企业")
    status, duration = call.body.get("muteStatus"), call.body.get("muteDuration")
    right = type(status) is int and (status == 0 or (status == 1 and type(duration) is int and duration > 0))
    if not right:
        raise api_error("invalidParameter.muteStatusError", "不合法的禁言状态")
    users, now = _muted_users(call, group), state.clock.ms()
    muted = {user: span for user, span in group.muted.items() if user not in users}
    if status:
        muted |= dict.fromkeys(users, (now, now + int(duration or 0)))
    save_group(state, replace(group, muted=muted))
    return {}


def _muted_users(call: Call, group: Group) -> list[str]:
    users: list[str] = call.body.get("userIdList") or []
    if not _is_list_of_ids(users):
        raise api_error("invalidParameter.userIdList", "不合法的群成员列表")
    if any(user not in group.members for user in users):
        raise api_error("cannot.find.user", "找不到该用户")
    if call.body["muteStatus"] and {group.owner_id, *group.admins} & set(users):
        raise api_error("cannot.ban.owner", "不允许禁言群主")
    return users


def _is_list_of_ids(value: Any) -> bool:
    is_list = isinstance(value, list) and 0 < len(value) <= MAX_MUTED
    return is_list and all(isinstance(each, str) for each in value)


def mute_settings(state: SandboxState, call: Call) -> Json:
    """Tell if a group and one of its members are muted."""
    id_ = call.query.get("openConversationId")
    if not id_:
        raise api_error("invalidParam.openConversationIdEmpry", "不合法的会话ID")  # DingTalk's spelling
    group = find_group(state, id_)
    if group is None:
        raise api_error("invalidParam.openConversationIdDecryptFailed", "会话ID解密失败")
    if group.foreign:
        raise api_error("group.org.checkFailed", "群不属于当前企业")
    start, end = group.muted.get(call.query.get("userId", ""), (0, 0))
    muted = end > state.clock.ms()
    times = {"muteStartTime": start, "muteEndTime": end} if muted else {}
    return {
        "groupMuteMode": group.options.get("chatBannedType") == 1,
        "userMuteResult": {"userMuteMode": muted, **times},
    }


ENDPOINTS = tuple(
    Endpoint(method=method, path=f"/v1.0/im/{path}", handler=act, scope=scope)
    for method, path, act, scope in (
        ("POST", "sceneGroup/member/add", add, MANAGE),
        ("POST", "sceneGroup/member/delete", remove, MANAGE),
        ("POST", "sceneGroups/members/batchQuery", list_members, MANAGE),
        ("PUT", "sceneGroups/subAdmins", set_admins, MANAGE),
        ("PUT", "sceneGroups/members/groupNicks", name_member, MANAGE),
        ("POST", "sceneGroups/muteMembers/set", mute, MANAGE),
        ("GET", "sceneGroups/muteSettings", mute_settings, READ),
    )
)
