"""Groups of an organization: create, update, query, members ("0738" to "0745")."""

import secrets
from dataclasses import replace

from dingtalk_sandbox.api.conversations.access import (
    OPTIONS,
    find_by_chat_id,
    find_group,
    parse_options,
    parse_people,
    save_group,
    text_of,
)
from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family, is_true, oapi_answer
from dingtalk_sandbox.conversations import new_id
from dingtalk_sandbox.errors import ApiError, Json, api_error, oapi_error
from dingtalk_sandbox.scene.groups import Group
from dingtalk_sandbox.state import SandboxState

MANAGE, READ, READ_BASE = "qyapi_chat_manage", "qyapi_chat_read", "qyapi_chat_base_read"
INTERNAL_GROUP, ADMIN, MEMBER = 2, 2, 3
MAX_NAME = 20
NAMES = {name: name for name in OPTIONS}


def _invalid(field: str) -> ApiError:
    return api_error("parameter.invalid", f"输入参数错误: {field}")


def convert(state: SandboxState, call: Call) -> Json:
    group = find_by_chat_id(state, call.path["chat"])
    if group is None:
        raise api_error("invalideChatId", "无效的chatId")  # DingTalk's spelling
    return {"openConversationId": group.id}


def create(state: SandboxState, call: Call) -> Json:
    """Create a group. It has no robot: a person adds one."""
    body = call.body
    tag = body.get("conversationTag")
    if tag is not None and tag != INTERNAL_GROUP:
        raise api_error("permession.checkFailed", "普通群需要加白")  # DingTalk's spelling
    name, owner = text_of(body.get("name"), MAX_NAME), state.scenario.colleague(str(body.get("owner")))
    if not name or owner is None:
        raise _invalid("name or owner")
    people = parse_people(state, body, "useridlist", "extidlist")
    options = parse_options(body.get("managementOptions"), NAMES)
    if not body.get("useridlist") or people is None or options is None:
        raise _invalid("useridlist, extidlist or managementOptions")
    members = tuple(dict.fromkeys([owner.id, *(person.id for person in people)]))
    group = Group(
        id=new_id("cid") + "==", chat_id=new_id("chat"), title=name, robots=(), owner=owner.id,
        icon=_icon(state, body), members=members, options=options,
    )  # fmt: skip
    save_group(state, group)
    return {"conversationTag": INTERNAL_GROUP, "openConversationId": group.id, "chatid": group.chat_id}


def _icon(state: SandboxState, body: Json) -> str:
    icon = body.get("icon") or ""
    if not isinstance(icon, str) or (icon and icon not in state.media):
        raise _invalid("icon")
    return icon


def update(state: SandboxState, call: Call) -> Json:
    """Change a group by its chatId: name, owner, members, icon, options."""
    body, group = call.body, find_by_chat_id(state, call.body.get("chatid"))
    if group is None:
        raise _invalid("chatid")
    added = parse_people(state, body, "add_useridlist", "add_extidlist")
    removed = parse_people(state, body, "del_useridlist", "del_extidlist")
    options = parse_options(body.get("managementOptions"), NAMES)
    if added is None or removed is None or options is None:
        raise _invalid("useridlist, extidlist or managementOptions")
    gone = {person.id for person in removed}
    kept = [id_ for id_ in group.members if id_ not in gone]
    members = tuple(dict.fromkeys([*kept, *(person.id for person in added)]))
    owner = body.get("owner") or group.owner_id
    if owner not in members:
        raise _invalid("owner")
    title = text_of(body.get("name"), MAX_NAME) if body.get("name") is not None else group.title
    if not title:
        raise _invalid("name")
    changed = replace(group, title=title, owner=owner, members=members, options={**group.options, **options})
    save_group(state, replace(changed, icon=_icon(state, body) or group.icon))
    return {"success": True}


def query(state: SandboxState, call: Call) -> Json:
    chat_id = call.query.get("chatid")
    if not chat_id:
        raise oapi_error(49000, "需要参数chatid")
    group = find_by_chat_id(state, chat_id)
    if group is None:
        raise oapi_error(40016, "无效的chatid")
    info = {
        "chatid": group.chat_id, "name": group.title, "owner": group.owner_id,
        "useridlist": [id_ for id_ in group.members if state.scenario.colleague(id_)],
        "conversationTag": INTERNAL_GROUP, "icon": group.icon, "status": 2 if group.disbanded else 1,
    }  # fmt: skip
    info |= {name: group.options.get(name, 0) for name in sorted(OPTIONS)}
    return {"errcode": 0, "errmsg": "ok", "chat_info": info}


def _chat(state: SandboxState, call: Call) -> Group:
    group = find_by_chat_id(state, call.body.get("chatid"))
    if group is None:
        raise oapi_error(34001, "无效的chatid")
    return group


def _member(state: SandboxState, call: Call, group: Group) -> str:
    user = call.body.get("userid")
    if not isinstance(user, str) or state.scenario.person(user) is None:
        raise oapi_error(40003, "无效的userid")
    if user not in group.members:
        raise oapi_error(60124, "用户不在对应的群内")
    return user


def name_member(state: SandboxState, call: Call) -> Json:
    group, nick = _chat(state, call), call.body.get("group_nick")
    user = _member(state, call, group)
    if not isinstance(nick, str) or not nick:
        raise oapi_error(400002, "参数错误 group_nick")
    save_group(state, replace(group, nicks={**group.nicks, user: nick}))
    return oapi_answer(success=True)


def forbid_private_chats(state: SandboxState, call: Call) -> Json:
    given = call.body.get("is_prohibit")
    if not call.body.get("chatid") or str(given).lower() not in {"true", "false"}:
        raise oapi_error(40036, "参数为空")
    group = _chat(state, call)
    save_group(state, replace(group, options={**group.options, "addFriendForbidden": int(is_true(given))}))
    return oapi_answer(success=True)


def link_to_join(state: SandboxState, call: Call) -> Json:
    """Return the link behind the QR code of a group. It leads nowhere here."""
    _member(state, call, _chat(state, call))
    code = f"v1,k1,{secrets.token_urlsafe(24)}"
    return oapi_answer(
        success=True,
        result=f"https://qr.dingtalk.com/action/joingroup?code={code}&_dt_no_comment=1&origin=11",
    )


def set_admins(state: SandboxState, call: Call) -> Json:
    """Make members administrators, or members again."""
    group = find_group(state, call.body.get("openConversationId"))
    if group is None or group.foreign:
        raise api_error("invalidParameter.openConversationId.invalid", "无效的会话id")
    if group.disbanded:
        raise api_error("group.diaband", "群已经解散")  # DingTalk's spelling
    role = call.body.get("role")
    if type(role) is not int or role not in {ADMIN, MEMBER}:
        raise api_error("invalidParamter.role", "无效的role")  # DingTalk's spelling
    users = call.body.get("userIds")
    if not isinstance(users, list) or not users or not all(isinstance(user, str) for user in users):
        raise api_error("invalid.staffid", "无效的userId")
    if any(user not in group.members for user in users):
        raise api_error("staff.not.found", "员工不存在")
    others = tuple(admin for admin in group.admins if admin not in users)
    save_group(state, replace(group, admins=(*others, *users) if role == ADMIN else others))
    return {"success": "true"}  # a text, as in the example


ENDPOINTS = (
    Endpoint(method="POST", path="/v1.0/im/group/create", handler=create, scope=MANAGE),
    Endpoint(method="POST", path="/v1.0/im/group/update", handler=update, scope=MANAGE),
    Endpoint(method="POST", path="/v1.0/im/subAdministrators", handler=set_admins, scope=MANAGE),
    Endpoint(
        method="POST", path="/v1.0/im/chat/{chat}/convertToOpenConversationId", handler=convert, scope=READ,
        takes_body=False,
    ),
    Endpoint(method="GET", path="/chat/get", handler=query, family=Family.OLD, scope=READ),
    *(
        Endpoint(method="POST", path=f"/topapi/chat/{path}", handler=act, family=Family.OLD, scope=scope)
        for path, act, scope in (
            ("updategroupnick", name_member, MANAGE),
            ("member/friendswitch/update", forbid_private_chats, MANAGE),
            ("qrcode/get", link_to_join, READ_BASE),
        )
    ),
)  # fmt: skip
