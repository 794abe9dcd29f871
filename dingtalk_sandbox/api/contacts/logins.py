"""Find the user of a login code ("0024", "0006-requestAuthCode" of the client JSAPI)."""

import secrets
from datetime import timedelta

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family, oapi_answer
from dingtalk_sandbox.errors import Json, UsageError, oapi_error
from dingtalk_sandbox.state import AuthCode, QuotaKind, SandboxState

CODE_LIFE = timedelta(minutes=5)


def issue_auth_code(state: SandboxState, user: str) -> Json:
    """Issue the code that `dd.requestAuthCode` gives a page in the client of a user. Raises `UsageError`."""
    person = state.scenario.colleague(user)
    if person is None:
        raise UsageError(f"{user!r} is not in the organization")
    value = secrets.token_hex(16)
    state.auth_codes[value] = AuthCode(person=person, expires=state.clock.now() + CODE_LIFE)
    return {"code": value}


def getuserinfo(state: SandboxState, call: Call) -> Json:
    """Return the user of a code. A code works once."""
    code = call.body.get("code")
    found = state.auth_codes.pop(code, None) if isinstance(code, str) else None
    if found is None or found.expires <= state.clock.now():
        raise oapi_error(40078, "不存在的临时授权码")
    user = {"userid": found.person.id, "name": found.person.name, "sys": False, "sys_level": 0}
    return oapi_answer(result=user)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/topapi/v2/user/getuserinfo",
        handler=getuserinfo,
        family=Family.OLD,
        quota_kind=QuotaKind.FREE,
    ),
)
