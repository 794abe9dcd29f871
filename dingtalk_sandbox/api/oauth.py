"""Access tokens, through three endpoints ("0033", "0037-api-gettoken", "1444")."""

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family
from dingtalk_sandbox.errors import Json, api_error, oapi_error
from dingtalk_sandbox.scenario import App
from dingtalk_sandbox.state import QuotaKind, SandboxState


def find_app(state: SandboxState, key: object, secret: object) -> App | None:
    app = state.scenario.app(key) if isinstance(key, str) else None
    return app if app and app.secret == secret else None


def access_token(state: SandboxState, call: Call) -> Json:
    app = find_app(state, call.body.get("appKey"), call.body.get("appSecret"))
    if app is None:
        raise api_error("invalidClientIdOrSecret", "无效的clientId或者clientSecret")
    return {"expireIn": int(state.settings.token_life), "accessToken": state.issue_token(app).value}


def corp_token(state: SandboxState, call: Call) -> Json:
    if call.body.get("grant_type") != "client_credentials":
        raise api_error("unsupported.grant.type")
    app = find_app(state, call.body.get("client_id"), call.body.get("client_secret"))
    if app is None or call.path["corp"] != state.scenario.corp_id:
        raise api_error("invalid.client")
    return {"expires_in": int(state.settings.token_life), "access_token": state.issue_token(app).value}


def gettoken(state: SandboxState, call: Call) -> Json:
    app = find_app(state, call.query.get("appkey"), call.query.get("appsecret"))
    if app is None:
        raise oapi_error(40089, "不合法的appKey或appSecret")
    value = state.issue_token(app).value
    return {"errcode": 0, "access_token": value, "errmsg": "ok", "expires_in": int(state.settings.token_life)}


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1.0/oauth2/accessToken",
        handler=access_token,
        family=Family.OPEN,
        quota_kind=QuotaKind.FREE,
    ),
    Endpoint(
        method="POST",
        path="/v1.0/oauth2/{corp}/token",
        handler=corp_token,
        family=Family.OPEN,
        quota_kind=QuotaKind.FREE,
    ),
    Endpoint(
        method="GET", path="/gettoken", handler=gettoken, family=Family.WEBHOOK, quota_kind=QuotaKind.FREE
    ),
)
