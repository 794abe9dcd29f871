"""Addresses for HTTP callbacks of cards ("0786")."""

import secrets

from dingtalk_sandbox.api.pipeline import Call, Endpoint
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import SandboxState


def register(state: SandboxState, call: Call) -> Json:
    """Register the address of a callbackRouteKey. One that exists is replaced by `forceUpdate` only."""
    if not call.body:
        raise api_error("param.empty")
    route, url = call.body.get("callbackRouteKey"), call.body.get("callbackUrl")
    if not isinstance(route, str) or not route:
        raise api_error("param.callbackRouteKeyEmpty")
    if not isinstance(url, str) or not url:
        raise api_error("param.callbackUrlEmpty")
    key = (call.app.key, route)
    if key in state.card_routes and call.body.get("forceUpdate") is not True:
        raise api_error("param.callbackRouteKeyExist", status=500)
    secret = str(call.body.get("apiSecret") or secrets.token_urlsafe(24))
    state.card_routes[key] = url
    return {"success": True, "result": {"callbackUrl": url, "apiSecret": secret}}


ENDPOINTS = (
    Endpoint(
        method="POST", path="/v1.0/card/callbacks/register", handler=register, scope="Card.Instance.Write"
    ),
)
