"""JSON of the control API: messages as one viewer sees them, counters, the scene."""

from dataclasses import asdict

from dingtalk_sandbox.control.card_views import card_view
from dingtalk_sandbox.conversations import Message
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.scenario import Person
from dingtalk_sandbox.state import Card, QuotaKind, SandboxState
from dingtalk_sandbox.stream.hub import Hub
from dingtalk_sandbox.validation import cards as card_rules

MAX_QUOTE_CHARS = 200


def is_gone(state: SandboxState, message: Message) -> bool:
    """Return True for a message that was recalled, or a pinned card whose time is over."""
    over = message.expires is not None and message.expires <= state.clock.now()
    return message.recalled or over


def serialize_message(
    state: SandboxState, message: Message, *, viewer: str = "", base: str = "", lang: str = "zh"
) -> Json:
    """Serialize a message. With a viewer, a card includes the viewer's private variables."""
    sender = {"id": message.sender.id, "name": message.sender.name, "robot": message.sender.robot}
    view: Json = {
        "id": message.id,
        "conversation": message.conversation,
        "kind": message.kind,
        "sender": sender,
        "at": message.at.isoformat(),
        "content": message.content,
        "recalled": is_gone(state, message),
        "readers": sorted(message.read_by),
        "emotions": [{"name": each.name, "robot": each.robot} for each in message.emotions],
        "wire": message.exchange,
        "updates": message.updates,
    }
    if message.quote:
        view["quote"] = _quote(state, message.quote)
    if is_gone(state, message):
        view["content"] = {}
    elif message.out_track_id:
        view |= _card(state, state.cards[message.out_track_id], viewer, lang)
    elif message.media_id:
        view |= _file(state, message, base or state.url)
    elif message.pictures:
        view["content"] = message.content | {"richText": _rich_text(state, message, base or state.url)}
    return view


def _quote(state: SandboxState, id_: str) -> Json:
    """Serialize the message that another one quotes, as short as a client shows it."""
    quoted = state.conversations.find(id_)
    if quoted is None or quoted.recalled:
        return {"id": id_, "kind": "", "sender": "", "text": ""}
    card = state.cards.get(quoted.out_track_id)
    title = card.variables().get("title", "") if card else str(quoted.content.get("title", ""))
    text = title or quoted.file_name or str(quoted.content.get("text", ""))
    return {"id": id_, "kind": quoted.kind, "sender": quoted.sender.name, "text": text[:MAX_QUOTE_CHARS]}


def _rich_text(state: SandboxState, message: Message, base: str) -> list[Json]:
    pictures = [
        {"type": "picture", "fileName": state.media[id_].name, "downloadUrl": f"{base}/_sandbox/media/{id_}"}
        for id_ in message.pictures
        if id_ in state.media
    ]
    return [{"text": message.content["text"]}, *pictures]


def _card(state: SandboxState, card: Card, viewer: str, lang: str) -> Json:
    template, variables = state.scenario.template(card.template), card.variables(viewer)
    shown: Json = {"outTrackId": card.out_track_id, "template": card.template, "variables": variables}
    if view := card_view(state, card, viewer, lang):
        shown |= {"buttons": view.buttons(), "fields": view.fields(), "view": view.as_json()}
    else:
        shown["buttons"] = card_rules.parse_buttons(variables) if template and template.buttons else []
    return shown | {"callback": card.callback, "private": card.private.get(viewer, {})}


def _file(state: SandboxState, message: Message, base: str) -> Json:
    upload = state.media.get(message.media_id)
    name = message.file_name or (upload.name if upload else "")
    size = len(upload.data) if upload else 0
    return {"fileName": name, "size": size, "downloadUrl": f"{base}/_sandbox/files/{message.id}"}


def serialize_conversation(
    state: SandboxState, conversation: str, *, viewer: str = "", base: str = "", lang: str = "zh"
) -> list[Json]:
    """Serialize the messages of a conversation that a viewer may see, oldest first."""
    messages = state.conversations.messages(conversation)
    seen = [m for m in messages if not viewer or not m.recipients or viewer in m.recipients]
    return [serialize_message(state, m, viewer=viewer, base=base, lang=lang) for m in seen]


def serialize_all(state: SandboxState, *, viewer: str = "", base: str = "", lang: str = "zh") -> list[Json]:
    """Serialize the messages of all conversations, one conversation after the other."""
    places = [place["id"] for place in _conversations(state)]
    return [
        view
        for place in places
        for view in serialize_conversation(state, place, viewer=viewer, base=base, lang=lang)
    ]


def serialize_counters(state: SandboxState, hub: Hub) -> Json:
    """Serialize the calls by endpoint, the monthly usage by quota, and the Stream counts."""
    month = state.monthly_usage[state.clock.month()]
    return {
        "calls": dict(sorted(state.call_counts.items())),
        "refused": dict(sorted(state.error_counts.items())),
        "buckets": {bucket.value: month[bucket] for bucket in (QuotaKind.API, QuotaKind.STREAM)},
        "limits": {"api": state.settings.api_limit, "stream_webhook": state.settings.stream_limit},
        "month": state.clock.month(),
        "months": {name: dict(booked) for name, booked in sorted(state.monthly_usage.items())},
        "stream": {"connections": len(hub.connections), **hub.counts},
    }


def _person(person: Person) -> Json:
    role = {"role": person.role.value, "admin": person.role == "admin"}
    names = {"id": person.id, "name": person.name, "title": person.title}
    return names | {"staffId": person.id if person.is_internal else ""} | role


def _conversations(state: SandboxState) -> list[Json]:
    scenario = state.scenario
    robot = scenario.apps[0].robot_name if scenario.apps else ""
    groups = [
        {
            "id": g.id,
            "kind": "group",
            "title": g.title,
            "members": list(g.members),
            "chatId": g.chat_id,
            "robots": list(dict.fromkeys(a.robot_name for a in scenario.apps if a.robot in g.robots)),
        }
        for g in scenario.groups
    ]
    oto = [
        {"id": p.direct_conversation, "kind": "oto", "title": robot, "members": [p.id], "owner": p.id}
        for p in scenario.people
    ]
    inside = [p for p in scenario.people if p.is_internal]
    work = [
        {"id": p.work_conversation, "kind": "work", "title": "工作通知", "members": [p.id], "owner": p.id}
        for p in inside
    ]
    return groups + oto + work


def serialize_scenario(state: SandboxState, hub: Hub) -> Json:
    """Serialize the scenario without its secrets."""
    scenario = state.scenario
    apps = [
        {
            "key": a.key,
            "agentId": a.agent_id,
            "robotCode": a.robot,
            "robotName": a.robot_name,
            "scopes": sorted(a.scopes),
            "mode": a.mode.value,
        }
        for a in scenario.apps
    ]
    robot = {"name": apps[0]["robotName"], "code": apps[0]["robotCode"]} if apps else {}
    return {
        "corpId": scenario.corp_id,
        "robot": robot,
        "people": [_person(p) for p in scenario.people],
        "conversations": _conversations(state),
        "apps": apps,
        "customRobots": [{"name": r.name, "group": r.group} for r in scenario.custom_robots],
        "templates": [{"id": t.id, "name": t.name, "published": t.published} for t in scenario.templates],
        "settings": asdict(scenario.settings),
        "faults": state.faults.as_json(),
        "now": state.clock.now().isoformat(),
        "chips": list(scenario.chips),
        "connections": len(hub.connections),
        "hasConnected": hub.counts["opened"] > 0,
        "streams": [
            {"id": c.id, "muted": c.muted, "leaving": c.disconnecting} for c in hub.connections.values()
        ],
    }
