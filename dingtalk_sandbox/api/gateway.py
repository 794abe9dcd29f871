"""Stream gateway: open a connection and redeem its ticket.

Source: [proto], in DingTalk's public repository "open-dingtalk/developerpedia".
"""

import secrets
from datetime import timedelta
from typing import Any
from xml.sax.saxutils import escape

from dingtalk_sandbox.api.oauth import find_app
from dingtalk_sandbox.api.pipeline import API_HOST, Call, Endpoint, Family
from dingtalk_sandbox.errors import Json, api_error
from dingtalk_sandbox.state import QuotaKind, SandboxState, Ticket

SUBSCRIPTION_TYPES = {"EVENT", "CALLBACK", "SYSTEM"}  # the Go SDK also subscribes to SYSTEM


def open_connection(state: SandboxState, call: Call) -> Json | str:
    """Return `{"endpoint", "ticket"}`, as XML if the client accepts only XML."""
    if not call.headers.get("Content-Type", "").startswith("application/json"):
        raise api_error("param.invalid", "Content-Type must be application/json")
    app = find_app(state, call.body.get("clientId"), call.body.get("clientSecret"))
    if app is None:
        raise api_error("invalidClientIdOrSecret", "无效的clientId或者clientSecret")
    topics = _parse_subscriptions(call.body.get("subscriptions"))
    value = secrets.token_hex(16)
    expires = state.clock.now() + timedelta(seconds=state.settings.ticket_life)
    state.tickets = {k: t for k, t in state.tickets.items() if t.expires > state.clock.now()}
    intercepted = call.host == API_HOST and bool(state.intercepted.stream)
    state.tickets[value] = Ticket(app=app, topics=topics, expires=expires, intercepted=intercepted)
    endpoint = state.intercepted.stream if intercepted else state.url.replace("http", "ws", 1) + "/connect"
    if _wants_xml(call.headers.get("Accept", "")):
        inner = f"<endpoint>{escape(endpoint)}</endpoint><ticket>{value}</ticket>"
        return f"<OpenConnectionResponse>{inner}</OpenConnectionResponse>"
    return {"endpoint": endpoint, "ticket": value}


def _wants_xml(accept: str) -> bool:
    kinds = {kind.partition(";")[0].strip().lower() for kind in accept.split(",")}
    return bool(kinds & {"application/xml", "text/xml"}) and not kinds & {"application/json", "*/*"}


def _parse_subscriptions(given: Any) -> frozenset[tuple[str, str]]:
    """Parse the subscriptions of a connection. Raises `ApiError`."""
    if not isinstance(given, list) or not given:
        raise api_error("param.invalid", "subscriptions")
    found = set()
    for one in given:
        kind, topic = (str(one.get("type")), one.get("topic")) if isinstance(one, dict) else ("", None)
        if (
            kind not in SUBSCRIPTION_TYPES
            or not isinstance(topic, str)
            or not topic
            or (kind == "EVENT" and topic != "*")
        ):
            raise api_error("param.invalid", "subscriptions")
        found.add((kind, topic))
    return frozenset(found)


def redeem_ticket(state: SandboxState, value: str) -> Ticket | None:
    """Redeem a ticket. Returns None if it is unknown, already redeemed or expired."""
    ticket = state.tickets.pop(value, None)
    return ticket if ticket and ticket.expires > state.clock.now() else None


ENDPOINTS = (
    Endpoint(
        method="POST", path="/v1.0/gateway/connections/open", handler=open_connection, family=Family.OPEN,
        quota_kind=QuotaKind.FREE,
    ),
)  # fmt: skip
