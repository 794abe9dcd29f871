"""Taps on cards: the callback to the bot, and the effect of its response."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from dingtalk_sandbox.control.template_taps import TemplateTaps
from dingtalk_sandbox.errors import ApiError, Json, UsageError
from dingtalk_sandbox.scenario import Person
from dingtalk_sandbox.state import Card, QuotaKind, SandboxState
from dingtalk_sandbox.stream import payloads
from dingtalk_sandbox.stream.hub import Hub, Push
from dingtalk_sandbox.validation import cards as card_rules


class CardTaps:
    """Presses buttons of cards as the people of the scenario."""

    def __init__(self, state: SandboxState, hub: Hub) -> None:
        self._state = state
        self._hub = hub
        self._templates = TemplateTaps(state, self.send)

    async def tap(self, out_track_id: str, user: str, action: str, params: Mapping[str, Any]) -> Json:
        """Press a button of a card. Returns what the user saw.

        That is `{"ok": true, "private", "elapsedMs"}` or `{"ok": false, "reason"}`. `out_track_id` may also
        be the id of a message that shows the card. `params` are for cards with an exported template
        (`TemplateTaps`). Raises `UsageError` for an unknown card or user.
        """
        shown = self._state.conversations.find(out_track_id)
        card = self._state.cards.get(shown.out_track_id if shown else out_track_id)
        person = self._state.scenario.person(user)
        if card is None or person is None:
            missing = f"card: {out_track_id!r}" if card is None else f"person: {user!r}"
            raise UsageError(f"no such {missing}")
        if not self._can_see(card, person):
            return {"ok": False, "reason": "not visible"}
        if card.template in self._state.scenario.designs:
            return await self._templates.press(card, person, action, params)
        button = next((b for b in self._buttons(card, user) if b["id"] == action), None)
        if problem := _tap_error(button):
            return {"ok": False, "reason": problem}
        return await self.send(card, person, action, (button or {}).get("params", {}))

    async def send(self, card: Card, person: Person, action: str, params: Json) -> Json:
        """Push the callback of a request to the bot. Returns what the person saw."""
        if card.callback != "STREAM":
            return {"ok": False, "reason": "no callback"}
        tapped = payloads.CardCallback(
            corp_id=self._state.scenario.corp_id,
            user_id=person.id if card.user_id_type == 1 else person.union_id,
            user_id_type=card.user_id_type,
            out_track_id=card.out_track_id,
            space_id=self._visible_conversation(card, person) or "cidSandboxForwarded==",
            action=action,
            params=params,
        )
        return await self._call_back(card, person, payloads.card_callback_data(tapped))

    def _buttons(self, card: Card, viewer: str) -> list[Json]:
        template = self._state.scenario.template(card.template)
        return card_rules.parse_buttons(card.variables(viewer)) if template and template.buttons else []

    def _can_see(self, card: Card, person: Person) -> bool:
        shown = any(not m.recalled for m in self._state.conversations.find_by_card(card.out_track_id))
        forward = any(model.get("supportForward") for model in card.spaces.values())
        return bool(self._visible_conversation(card, person)) or (shown and forward)

    def _visible_conversation(self, card: Card, person: Person) -> str:
        """Return the conversation in which a person sees the card, or an empty string."""
        messages = [m for m in self._state.conversations.find_by_card(card.out_track_id) if not m.recalled]
        mine = [m for m in messages if person in self._state.members(m.conversation)]
        seen = [m.conversation for m in mine if not m.recipients or person.id in m.recipients]
        return seen[0] if seen else ""

    async def _call_back(self, card: Card, person: Person, data: Json) -> Json:
        if self._state.is_exhausted(QuotaKind.STREAM):
            return {"ok": False, "reason": "quota"}
        loop = asyncio.get_running_loop()
        begin = loop.time()
        push = await self._hub.push(card.app, payloads.CARD_TOPIC, data)
        if push is None:
            return {"ok": False, "reason": "no connection"}
        self._state.count_call(QuotaKind.STREAM)
        ack = await self._hub.wait_for_ack(push, self._state.settings.card_deadline)
        self._record_tap(card, push, ack)
        elapsed = round((loop.time() - begin) * 1000)
        if ack is None:
            return {"ok": False, "reason": "timeout", "elapsedMs": elapsed}
        if ack.get("code") != 200:  # noqa: PLR2004 - the ack's OK
            return {"ok": False, "reason": "error", "code": ack.get("code"), "elapsedMs": elapsed}
        answer = card_rules.parse_card_response(ack.get("data"))
        return self._apply_response(card, person, answer) | {"elapsedMs": elapsed}

    def _record_tap(self, card: Card, push: Push, ack: Json | None) -> None:
        """Record the callback and its response for the inspector."""
        exchange = {
            "endpoint": f"CALLBACK {payloads.CARD_TOPIC}",
            "bucket": QuotaKind.STREAM.value,
            "limit": 0,
        }
        data = json.loads(push.frame["data"])
        exchange |= {
            "bytes": len(push.frame["data"].encode()),
            "request": push.frame | {"data": data},
            "response": ack,
        }
        for message in self._state.conversations.find_by_card(card.out_track_id):
            message.record(exchange)

    def _apply_response(self, card: Card, person: Person, answer: Json) -> Json:
        """Apply the response of a callback. Only the user who tapped sees it."""
        by_key, private_by_key = card_rules.parse_update_options(answer.get("cardUpdateOptions"))
        try:
            data = card_rules.parse_param_map(answer.get("cardData"))
            private = card_rules.parse_param_map(answer.get("userPrivateData"))
        except ApiError as problem:
            return {"ok": False, "reason": str(problem)}
        if data:
            card.tap_variables[person.id] = card_rules.merge_variables(card.variables(), data, by_key=by_key)
        if private:
            old = card.private.get(person.id, {})
            card.private[person.id] = card_rules.merge_variables(old, private, by_key=private_by_key)
        for message in self._state.conversations.find_by_card(card.out_track_id):
            self._state.conversations.publish_change(message)
        return {"ok": True, "private": data | private, "answer": answer}


def _tap_error(button: Json | None) -> str:
    if button is None:
        return "no such button"
    if not button["request"]:
        return "not a callback button"
    return "disabled" if button.get("status") == "disabled" else ""
