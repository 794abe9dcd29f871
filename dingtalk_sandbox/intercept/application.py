"""The HTTP application behind the intercepted hosts: each host has the endpoints that DingTalk has there."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from dingtalk_sandbox.api.pipeline import OAPI_HOST, Pipeline
from dingtalk_sandbox.api.unsupported import unsupported
from dingtalk_sandbox.errors import new_request_id
from dingtalk_sandbox.intercept.hosts import HOSTS
from dingtalk_sandbox.server import ENDPOINTS, MAX_BODY_BYTES, Sandbox

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STREAM_PATH = "/connect"


def intercepted_application(sandbox: Sandbox) -> web.Application:
    """Build the application. It has DingTalk's endpoints, without the page and the control API."""
    application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_host_check()])
    pipeline = Pipeline(sandbox.state)
    for endpoint in ENDPOINTS:
        application.router.add_route(endpoint.method, endpoint.path, pipeline.handler(endpoint))
    application.router.add_get(STREAM_PATH, sandbox.hub.connect)
    application.router.add_route("*", "/{path:.*}", unsupported(sandbox.state, pipeline))
    return application


def _host_check() -> Any:
    hosts = {(each.method, each.path): each.host for each in ENDPOINTS}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = (request.url.host or "").lower()
        if request.path == STREAM_PATH:
            return await handler(request)
        if host not in HOSTS:
            return web.json_response({"error": f"only {', '.join(HOSTS)} are answered"}, status=403)
        resource = request.match_info.route.resource
        home = hosts.get((request.method, resource.canonical if resource else ""), host)
        return await handler(request) if home == host else _not_found(request)

    return check


def _not_found(request: web.Request) -> web.Response:
    """Answer a path that the other host has, in the format of this host ([seen])."""
    if request.url.host == OAPI_HOST:
        name = "dingtalk.oapi" + request.path.replace("/", ".")
        told = f"不合法ApiName，ApiName = {name}"
        return web.json_response({"errcode": 22, "errmsg": f"Invalid method[submsg={told}]", "sub_msg": told})
    text = "Specified api is not found, please check your url and method."
    body = {"code": "InvalidAction.NotFound", "message": text, "requestid": new_request_id()}
    return web.json_response(body, status=404)
