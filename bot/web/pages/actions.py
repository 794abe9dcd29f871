"""`POST /status/act`: what people do on the pages, by the same handlers as the chat.

A form becomes the message that the person would send in the one-to-one chat. So rights, cooldowns,
confirmations and the audit are the same. A form has a key: sending it twice is asking once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from aiohttp import web

from bot.audit.request import audited
from bot.chat.pending_answers import PendingKind
from bot.errors import PermanentError, TemporaryError
from bot.models import AuditChannel, AuditEntry, AuditOutcome, Message
from bot.web.pages.visitors import SESSION_ID_CHARACTERS, Gate, Visitor, read_form
from cards.environment import LANGUAGES

ACTIONS: Mapping[str, tuple[str, str]] = {
    "rerun": ("重跑 {what}", "rerun {what}"),
    "rerun_failed": ("重跑失败 {what}", "rerun failed {what}"),
    "stop": ("停止 {what}", "stop {what}"),
    "resend": ("重发 {what}", "resend {what}"),
    "regenerate": ("重新生成 {what}", "regenerate {what}"),
    "approve": ("同意 {what}", "approve {what}"),
    "mute": ("静默 {what} {span}", "mute {what} {span}"),
    "unmute": ("取消静默 {what}", "unmute {what}"),
    "acknowledge": ("确认 {what}", "ack {what}"),
    "yes": ("确认", "yes"),
    "no": ("取消", "no"),
}
"""Messages of a person in Chinese and in English, by the name of the action in a form."""
SPANS: Mapping[str, tuple[str, str]] = {
    "hour": ("1h", "1h"),
    "today": ("今天", "today"),
    "next": ("下次", "next"),
    "": ("", ""),
}
"""Spans for which a schedule may be muted, by the name in a form."""

_ID = re.compile(r"[^\s\x00-\x1f]{0,200}")
_KEY = re.compile(r"[\w-]{8,64}", re.ASCII)
_BACK = re.compile(r"/status(?:[/?][\w/?=&%.:~+-]*)?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ActionRequest:
    """Request for an action, from a form."""

    text: str
    key: str
    back: str  # page that the form was on

    @classmethod
    def of(cls, form: Mapping[str, str], lang: str) -> "ActionRequest | None":
        """Read a form of a page in a language. Returns None for one that no page of ours has."""
        action, what, key = form.get("do", ""), form.get("what", ""), form.get("key", "")
        spans, place = SPANS.get(form.get("span", "")), LANGUAGES.index(lang)
        if action not in ACTIONS or spans is None or not _ID.fullmatch(what) or not _KEY.fullmatch(key):
            return None
        back = form.get("back", "")
        text = ACTIONS[action][place].format(what=what, span=spans[place]).strip()
        return cls(text=text, key=key, back=back if _BACK.fullmatch(back) else "/status")


class Actions:
    """Carries out what people ask for on the pages."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/status/act", self._gate.form(self.act)), web.get("/status/act", self.leave)]

    async def leave(self, _request: web.Request) -> web.StreamResponse:
        """Lead to the first page: an answer is shown after a form only."""
        raise web.HTTPSeeOther("/status")

    async def act(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Carry out a form, and show the answer that the chat would give."""
        asked = ActionRequest.of(await read_form(request), visitor.lang)
        if asked is None:
            return self._gate.trouble(visitor, "form_too_old", HTTPStatus.BAD_REQUEST)
        session = visitor.session.id[:SESSION_ID_CHARACTERS]
        message = replace(visitor.message, id=f"{session}:{asked.key}", text=asked.text)
        entry = self._entry(visitor, message)
        try:
            async with audited(self._gate.record, entry):
                answer = await self._gate.processor(visitor.lang).respond(message)
        except (TemporaryError, PermanentError):
            return self._gate.trouble(visitor, "unavailable", HTTPStatus.SERVICE_UNAVAILABLE)
        recorded = await visitor.context.audit.find_entry(entry.id)
        pending = await visitor.context.people.answers.find(message)
        asks = pending is not None and pending.message_id == message.id
        return self._gate.show(
            "answer",
            visitor,
            text=answer.text,
            outcome=(recorded.outcome if recorded else AuditOutcome.ACCEPTED).value,
            asks=asks and pending is not None and pending.kind is PendingKind.CONFIRMATION,
            back=asked.back,
            run_id=recorded.run_id if recorded and recorded.outcome is AuditOutcome.ACCEPTED else "",
        )

    def _entry(self, visitor: Visitor, message: Message) -> AuditEntry:
        return AuditEntry(
            id=f"web:{message.id}",
            at=self._gate.services.clock(),
            channel=AuditChannel.WEB,
            actor=message.sender,
            said=message.text,
            address=visitor.address,
        )
