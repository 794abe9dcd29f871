"""Look-ups of people: by userId, mobile number, unionId, name and department ("0056" to "0066").

Everyone of the organization is in the root department, whose id is 1.
"""

from dataclasses import dataclass

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family, oapi_answer
from dingtalk_sandbox.errors import Json, api_error, oapi_error
from dingtalk_sandbox.scenario import Person, Role
from dingtalk_sandbox.state import SandboxState

MEMBER, BY_MOBILE, OF_DEPARTMENT = (
    "qyapi_get_member", "qyapi_get_member_by_mobile", "qyapi_get_department_member",
)  # fmt: skip
MOBILE = "fieldMobile"  # scope without which mobile numbers are left out
ROOT = 1
MAX_PAGE = 100
COLLEAGUE, EXTERNAL = 0, 1


def _text(call: Call, name: str) -> str:
    value = call.body.get(name)
    if not isinstance(value, str) or not value:
        raise oapi_error(400002, f"无效的参数 {name}")
    return value


def _colleagues(state: SandboxState) -> list[Person]:
    return [person for person in state.scenario.people if person.is_internal]


def get(state: SandboxState, call: Call) -> Json:
    """Return a user with the fields that a scene has."""
    person = state.scenario.colleague(_text(call, "userid"))
    if person is None:
        raise oapi_error(33012, "无效的userId")
    admin = person.role is Role.ADMIN
    more = {"role_list": [], "leader_in_dept": [{"dept_id": ROOT, "leader": admin}], "real_authed": True}
    return oapi_answer(result=_details(call, person) | more | {"senior": False})


def _details(call: Call, person: Person) -> Json:
    """Describe a user as in a list. The mobile number needs a scope of its own."""
    found = {
        "userid": person.id, "unionid": person.union_id, "name": person.name, "title": person.title,
        "admin": person.role is Role.ADMIN, "boss": False, "active": True, "hide_mobile": False,
        "dept_id_list": [ROOT], "exclusive_account": False,
    }  # fmt: skip
    if person.mobile and MOBILE in call.app.scopes:
        found |= {"mobile": person.mobile, "state_code": "86"}
    return found


def get_by_mobile(state: SandboxState, call: Call) -> Json:
    mobile = _text(call, "mobile")
    if not (mobile.isascii() and mobile.isdigit()):
        raise oapi_error(40104, "企业中无效的手机号")
    person = next((each for each in _colleagues(state) if each.mobile == mobile), None)
    if person is None:
        raise oapi_error(60121, "未找到该用户")
    return oapi_answer(result={"userid": person.id})


def get_by_union_id(state: SandboxState, call: Call) -> Json:
    """Find a user by unionId. People from outside have `contact_type` 1."""
    person = state.scenario.person(_text(call, "unionid"), 2)
    if person is None:
        raise oapi_error(60121, "未找到对应员工")
    kind = COLLEAGUE if person.is_internal else EXTERNAL
    return oapi_answer(result={"contact_type": kind, "userid": person.id})


def _number(call: Call, name: str) -> int | None:
    """Return a number from 0 that is given as a number or, in a form, as a text. None = it is none."""
    text = str(call.body.get(name))
    return int(text[:18]) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, kw_only=True)
class ListCodes:
    """The codes of one page for a wrong list."""

    department: int = 60003
    cursor: int = 40068
    size: int = 40069


NAMES, DETAILS = ListCodes(), ListCodes(department=60019, cursor=40035, size=40035)
"""Of "0065" and "0066", and of "0062"."""


def _check_department(call: Call, codes: ListCodes = NAMES) -> None:
    id_ = _number(call, "dept_id")
    if not id_:
        raise oapi_error(400002, "无效的参数 dept_id")
    if id_ != ROOT:
        raise oapi_error(codes.department, "未找到部门")


def _page(state: SandboxState, call: Call, codes: ListCodes) -> tuple[list[Person], Json]:
    """Return the people of a page, and its `has_more` and `next_cursor`."""
    _check_department(call, codes)
    start, size = _number(call, "cursor"), _number(call, "size")
    if start is None:
        raise oapi_error(codes.cursor, "无效的偏移量")
    if size is None or not 0 < size <= MAX_PAGE:
        raise oapi_error(codes.size, "无效的size")
    people, end = _colleagues(state), start + size
    more = end < len(people)
    return people[start:end], {"has_more": more, **({"next_cursor": end} if more else {})}


def list_details(state: SandboxState, call: Call) -> Json:
    people, page = _page(state, call, DETAILS)
    return oapi_answer(result=page | {"list": [_details(call, person) for person in people]})


def list_names(state: SandboxState, call: Call) -> Json:
    people, page = _page(state, call, NAMES)
    return oapi_answer(
        result=page | {"list": [{"userid": person.id, "name": person.name} for person in people]}
    )


def list_ids(state: SandboxState, call: Call) -> Json:
    _check_department(call)
    return oapi_answer(result={"userid_list": [person.id for person in _colleagues(state)]})


def count(state: SandboxState, call: Call) -> Json:
    if call.body.get("only_active") is None:
        raise oapi_error(400002, "参数为空 only_active")
    return oapi_answer(result={"count": len(_colleagues(state))})


def search(state: SandboxState, call: Call) -> Json:
    """Find userIds by a part of the name, or by the whole name (`fullMatchField` 1)."""
    word, offset, size = (call.body.get(name) for name in ("queryWord", "offset", "size"))
    if not isinstance(word, str) or not word:
        raise api_error("parameter.error", "queryWord")
    if type(offset) is not int or type(size) is not int or offset < 0 or size <= 0:
        raise api_error("parameter.error", "offset or size")
    whole = call.body.get("fullMatchField") == 1
    people = [p for p in _colleagues(state) if (word == p.name if whole else word in p.name)]
    end = offset + size
    return {
        "hasMore": end < len(people), "totalCount": len(people),
        "list": [person.id for person in people[offset:end]],
    }  # fmt: skip


ENDPOINTS = (
    *(
        Endpoint(method="POST", path=f"/topapi/{path}", handler=act, family=Family.OLD, scope=scope)
        for path, act, scope in (
            ("v2/user/get", get, MEMBER),
            ("v2/user/getbymobile", get_by_mobile, BY_MOBILE),
            ("user/getbyunionid", get_by_union_id, MEMBER),
            ("user/listid", list_ids, MEMBER),
            ("user/listsimple", list_names, OF_DEPARTMENT),
            ("v2/user/list", list_details, OF_DEPARTMENT),
            ("user/count", count, MEMBER),
        )
    ),
    Endpoint(
        method="POST", path="/v1.0/contact/users/search", handler=search, scope="qyapi_addresslist_search"
    ),
)
