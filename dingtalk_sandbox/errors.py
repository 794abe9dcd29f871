"""DingTalk's two error formats, as exceptions that carry the response.

The new API (api.dingtalk.com) answers 4xx/5xx with `{"code","message","requestid"}`; the old one
(oapi.dingtalk.com) and the webhooks answer 200 with `{"errcode","errmsg"}` ("0013-server-api-error-codes-1").
"""

import secrets
from typing import Any

Json = dict[str, Any]
"""A JSON object of a request or response."""


NOT_EMULATED_CODE = "sandbox.notEmulated"
NOT_EMULATED_ERRCODE = 501  # ours: DingTalk has no such errcode


class ApiError(Exception):
    """DingTalk's response to a request that it rejects: an HTTP status and a body."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(body.get("code") or body.get("errcode"))
        self.status = status
        self.body = body


class UsageError(Exception):
    """A wrong call of the control API, or a wrong scene file. The message says what is accepted."""


def new_request_id() -> str:
    return secrets.token_hex(16).upper()


def api_error(code: str, message: str = "", *, status: int = 400, **more: object) -> ApiError:
    """Build an error of the new API. The message defaults to the code."""
    return ApiError(status, {"code": code, "requestid": new_request_id(), "message": message or code, **more})


def oapi_error(errcode: int, errmsg: str, **more: object) -> ApiError:
    """Build an error of the old API or of a webhook. Its HTTP status is 200."""
    return ApiError(200, {"errcode": errcode, "errmsg": errmsg, **more})


def not_emulated(what: str, *, old: bool = False) -> ApiError:
    """Build a 501 error for a request that DingTalk may accept and the sandbox does not emulate.

    With `old`, it has both formats: that of the old API, and the code of ours.
    """
    error = api_error(NOT_EMULATED_CODE, f"not emulated: {what}", status=501)
    if old:
        error.body |= {"errcode": NOT_EMULATED_ERRCODE, "errmsg": error.body["message"]}
    return error


def invalid_authentication(status: int) -> ApiError:
    return api_error("InvalidAuthentication", "不合法的access_token", status=status)


def ip_not_allowed(*, new: bool) -> ApiError:
    """Build the error for a call from an address that the app does not allow, in either format ("0013")."""
    text = "访问ip不在白名单之中"
    return (
        api_error("Forbidden.AccessDenied.IpNotInWhiteList", text, status=403)
        if new
        else oapi_error(60020, text)
    )


def missing_scope(scope: str) -> ApiError:
    """Build the error for a scope that the app was not granted ("0003-add-api-permission")."""
    text = f"应用尚未开通所需的权限：[{scope}]，请在开发者后台申请开通"
    code = "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    return api_error(code, text, status=403, accessdenieddetail={"requiredScopes": [scope]})


def limit_exceeded(code: str) -> ApiError:
    """Build the error for an exceeded limit ("0012-call-frequency-limit").

    `code` is `QpsLimitForAppkeyAndApi`, `ApiCountLimitForOrg` or similar.
    """
    text = "您的企业应用调用钉钉开放平台当前接口的所有请求都被暂时禁用了"
    return api_error(f"Forbidden.AccessDenied.{code}", text, status=403)
