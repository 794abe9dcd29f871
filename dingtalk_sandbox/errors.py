"""How DingTalk says no: the two error styles, as exceptions that carry the answer.

The new API (api.dingtalk.com) answers 4xx/5xx with `{"code","message","requestid"}`; the old one
(oapi.dingtalk.com) and the webhooks answer 200 with `{"errcode","errmsg"}` ("0013-server-api-error-codes-1").
"""

import secrets
from typing import Any

Json = dict[str, Any]
"""A JSON object as it went over the wire."""


NOT_EMULATED_CODE = "sandbox.notEmulated"


class ApiError(Exception):
    """DingTalk's answer to a request it does not accept: an HTTP status and a body."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(body.get("code") or body.get("errcode"))
        self.status = status
        self.body = body


class UsageError(Exception):
    """The control API was called wrongly; the text says what it takes."""


def new_request_id() -> str:
    return secrets.token_hex(16).upper()


def api_error(code: str, message: str = "", *, status: int = 400, **more: object) -> ApiError:
    """A refusal in the style of the new API; the message repeats the code when there is no better one."""
    return ApiError(status, {"code": code, "requestid": new_request_id(), "message": message or code, **more})


def oapi_error(errcode: int, errmsg: str, **more: object) -> ApiError:
    """A refusal in the style of the old API and the webhooks: HTTP 200."""
    return ApiError(200, {"errcode": errcode, "errmsg": errmsg, **more})


def not_emulated(what: str) -> ApiError:
    """Say that DingTalk may take it and the sandbox does not."""
    return api_error(NOT_EMULATED_CODE, f"not emulated: {what}", status=501)


def invalid_authentication(status: int) -> ApiError:
    return api_error("InvalidAuthentication", "不合法的access_token", status=status)


def missing_scope(scope: str) -> ApiError:
    """A scope that was not granted ("0003-add-api-permission")."""
    text = f"应用尚未开通所需的权限：[{scope}]，请在开发者后台申请开通"
    code = "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    return api_error(code, text, status=403, accessdenieddetail={"requiredScopes": [scope]})


def limit_exceeded(code: str) -> ApiError:
    """A limit on calls ("0012-call-frequency-limit"): `QpsLimitForAppkeyAndApi`, `ApiCountLimitForOrg` …"""
    text = "您的企业应用调用钉钉开放平台当前接口的所有请求都被暂时禁用了"
    return api_error(f"Forbidden.AccessDenied.{code}", text, status=403)
