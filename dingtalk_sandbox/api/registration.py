"""Create an app by a QR code: init, begin, poll (CLI/0011). No token is needed.

Error codes for wrong arguments are not documented; those of the old API are used.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family
from dingtalk_sandbox.errors import Json, oapi_error
from dingtalk_sandbox.registrations import NONCE_LIFE, RegistrationStatus
from dingtalk_sandbox.state import QuotaKind, SandboxState

PAGE = "/registration"
"""Path of the page on which a person confirms. In DingTalk it is a page of the developer console."""

OK: Json = {"errcode": 0, "errmsg": "ok"}


def init(state: SandboxState, call: Call) -> Json:
    source = call.body.get("source", "")
    if not isinstance(source, str):
        raise oapi_error(40035, "不合法的参数: source")
    nonce = state.registrations.issue_nonce(source)
    return OK | {"nonce": nonce, "expires_in": int(NONCE_LIFE.total_seconds())}


def begin(state: SandboxState, call: Call) -> Json:
    life = timedelta(seconds=state.settings.registration_life)
    found = state.registrations.begin(_text(call, "nonce"), life)
    if found is None:
        raise oapi_error(40035, "不合法的参数: nonce无效或已过期")
    page = {"source": found.source} if found.source else {}
    whole = {"user_code": found.user_code, **page}
    state.feed.publish("change", None)
    return OK | {
        "device_code": found.device_code,
        "user_code": found.user_code,
        "verification_uri": _address(state, page),
        "verification_uri_complete": _address(state, whole),
        "expires_in": int(life.total_seconds()),
        "interval": state.settings.registration_interval,
    }


def poll(state: SandboxState, call: Call) -> Json:
    found = state.registrations.find(_text(call, "device_code"))
    if found is None:
        raise oapi_error(40035, "不合法的参数: device_code")
    status = found.status(state.clock.now())
    answer = OK | {"status": status.value}
    if status is RegistrationStatus.SUCCESS and found.app:
        answer |= {"client_id": found.app.key, "client_secret": found.app.secret}
    if status is RegistrationStatus.FAIL:
        answer |= {"fail_reason": found.fail_reason}
    return answer


def _text(call: Call, name: str) -> str:
    value: Any = call.body.get(name)
    if not isinstance(value, str) or not value:
        raise oapi_error(40035, f"不合法的参数: {name}")
    return value


def _address(state: SandboxState, query: Json) -> str:
    return f"{state.url}{PAGE}{'?' if query else ''}{urlencode(query)}"


ENDPOINTS = tuple(
    Endpoint(
        method="POST",
        path=f"/app/registration/{handler.__name__}",
        handler=handler,
        family=Family.WEBHOOK,
        quota_kind=QuotaKind.FREE,
    )
    for handler in (init, begin, poll)
)
