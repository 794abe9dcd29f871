"""A messenger and what people see of it, against a dict of cards and lists of messages."""

from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from bot.errors import CardUndeliveredError, DingRunError, PermanentError, TemporaryError
from bot.models import Destination, MarkdownMessage, RenderedCard
from tests.contract.machines.chats import (
    ADDRESSES,
    OPS,
    OPS_CHAT,
    OTHER,
    PLACES,
    TEMPLATE,
    UNKNOWN_PLACES,
    UNKNOWN_TEMPLATE,
    Chat,
    Fault,
)
from tests.contract.machines.harness import Stage, StagedMachine

CARDS = st.integers(0, 2)
GROUPS = st.sampled_from([address for address in ADDRESSES if address.startswith("group:")])
PEOPLE = st.sampled_from(["user:user01", "user:nobody"])
ANYWHERE = GROUPS | PEOPLE
LONG = "五" * 6_000
TEXTS = st.sampled_from(["一", "**二**", "三\n四", LONG])
NAMES = st.sampled_from(["r.xlsx", "r.PDF", "r.exe"])
MOSTLY = st.sampled_from([True, True, True, False])
MOSTLY_NONE = [Fault.NONE] * 4
FAULTS = st.sampled_from([*MOSTLY_NONE, Fault.BUSY, Fault.REFUSED, Fault.DROPPED, Fault.LOST])
CARD_FAULTS = st.sampled_from([*MOSTLY_NONE, *Fault, Fault.UNDELIVERED, Fault.LOST])
UPLOAD_FAULTS = st.sampled_from([*MOSTLY_NONE, Fault.BUSY, Fault.DROPPED, Fault.LOST])
UNKNOWN_MEDIA = "@unknown"

Outcome = tuple[Any, ...]
OK: Outcome = ("ok",)
REFUSED: Outcome = (PermanentError, False, "", False)
NOBODY: Outcome = (PermanentError, False, "wrong_person", False)
"""Class of the error, and what its handlers look at: content, setup fault, template, or else uncertainty."""


@dataclass(frozen=True, kw_only=True)
class ChatStage(Stage):
    """A messenger, and what is on the other side."""

    chat: Chat
    file: Path


def outcome_of(error: DingRunError) -> Outcome:
    if isinstance(error, PermanentError):
        return PermanentError, error.content, error.setup_fault, error.template
    assert isinstance(error, TemporaryError)
    kind = CardUndeliveredError if isinstance(error, CardUndeliveredError) else TemporaryError
    return kind, error.uncertain


BEFORE: dict[Fault, Outcome] = {  # what comes of requests that do not reach DingTalk
    Fault.BUSY: (TemporaryError, False),
    Fault.REFUSED: (PermanentError, True, "", False),
    Fault.DROPPED: (TemporaryError, True),
}
LOST: Outcome = (TemporaryError, True)


@dataclass
class Marker:
    """Notes how often it was set, and what ended it."""

    ends: list[Outcome] = field(default_factory=list)

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        try:
            yield
        except DingRunError as error:
            self.ends.append(outcome_of(error))
            raise
        self.ends.append(OK)


class MessengerMachine(StagedMachine[ChatStage]):
    """Cards and messages in two groups and one-to-one chats. The robot may leave the second group."""

    def __init__(self, ground: ChatStage) -> None:
        super().__init__(ground)
        self.chat = ground.chat
        self.chat.reset()
        self.cards: dict[str, dict[str, str]] = {}
        self.shown: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.media: list[str] = []
        self.member = True
        self.versions = 0

    def card(self, *, known: bool = True) -> RenderedCard:
        self.versions += 1
        params = {"title": f"{self.tag} {self.versions}", "sys_full_json_obj": "{}"}
        if self.versions % 2:
            params["markdown"] = params["title"]
        template = TEMPLATE if known else UNKNOWN_TEMPLATE
        return RenderedCard(template_id=template, params=params, headline=params["title"])

    def call(self, request: Coroutine[Any, Any, Any]) -> tuple[Outcome, Any]:
        """Make a request, which meets the fault that was set, and return its outcome and its answer."""
        try:
            return OK, self.run(request)
        except DingRunError as error:
            return outcome_of(error), None
        finally:
            self.chat.clear_fault()

    def show(self, address: str, kind: str, what: str) -> Outcome:
        """Show something in the model, if it arrives."""
        place = ADDRESSES[address]
        fault = UNKNOWN_PLACES.get(place, "")
        if place == f"group:{OTHER}" and not self.member:
            fault = "robot_not_in_group"
        if fault:
            return PermanentError, False, fault, False
        if kind != "card" or (kind, what) not in self.shown[place]:
            self.shown[place].append((kind, what))
        return OK

    def deliver(
        self, address: str, card: RenderedCard, card_id: str, *, created: bool, fault: Fault
    ) -> Outcome:
        """Return what comes of a card, and change the model."""
        exists = card_id in self.cards
        if fault in BEFORE:
            return BEFORE[fault]
        if fault is Fault.UNDELIVERED:
            self.cards.setdefault(card_id, dict(card.params))
            return CardUndeliveredError, False
        if card.template_id == UNKNOWN_TEMPLATE and not created:
            outcome: Outcome = (PermanentError, False, "", True)
        elif created and not exists:
            outcome = REFUSED
        elif exists and not created and fault is Fault.LOST:
            outcome = LOST  # that it exists is not told, so it is not delivered
        else:
            self.cards.setdefault(card_id, dict(card.params))
            outcome = self.show(address, "card", card_id)
        return LOST if fault is Fault.LOST else outcome

    @initialize()
    def begin(self) -> None:
        self.send_card(0, f"group:{OPS}", True, False, Fault.NONE)
        self.upload("r.xlsx", Fault.NONE)

    @rule(
        number=CARDS,
        group=GROUPS,
        known=MOSTLY,
        created=st.booleans(),
        fault=CARD_FAULTS,
    )
    def send_card(self, number: int, group: str, known: bool, created: bool, fault: Fault) -> None:
        """Send a card to a group, the last one to a person, or deliver one that is taken for `created`."""
        card_id, card = self.named("card", number), self.card(known=known)
        address = "user:user01" if number == 2 else group
        if fault is Fault.UNDELIVERED and (created or not known):
            return
        self.chat.set_fault(fault, card_id, card)
        exists = created or card_id in self.cards
        expected = self.deliver(address, card, card_id, created=created, fault=fault)
        request = self.chat.messenger.send_card(Destination.parse(address), card, card_id, created=created)
        outcome, result = self.call(request)
        assert outcome == expected
        if outcome == OK:
            assert result
            assert (result.existed, bool(result.message_id)) == (exists, True)

    @rule(number=CARDS, fault=FAULTS)
    def update_card(self, number: int, fault: Fault) -> None:
        card_id, card = self.named("card", number), self.card()
        self.chat.set_fault(fault)
        outcome, _ = self.call(self.chat.messenger.update_card(card_id, card))
        expected = BEFORE.get(fault, OK if card_id in self.cards else REFUSED)
        assert outcome == (LOST if fault is Fault.LOST else expected)
        if card_id in self.cards and fault not in BEFORE:
            self.cards[card_id] |= card.params

    @rule(address=ANYWHERE, text=TEXTS, fault=FAULTS)
    def send_message(self, address: str, text: str, fault: Fault) -> None:
        """Send a message. One that is too long is refused before it is sent, so no marker is set."""
        markdown, marker = MarkdownMessage(title="标题", text=text), Marker()
        self.chat.set_fault(fault)
        request = self.chat.messenger.send_message(
            Destination.parse(address), markdown, "key", sending=marker
        )
        answer = self.call(request)
        if text == LONG:
            assert (answer, marker.ends) == ((REFUSED, None), [])
        else:
            self.check_sent(answer, marker, address, ("note", text), fault)

    @rule(name=NAMES, fault=UPLOAD_FAULTS)
    def upload(self, name: str, fault: Fault) -> None:
        self.chat.set_fault(fault)
        outcome, media_id = self.call(self.chat.messenger.upload(self.ground.file, name))
        if name.endswith(".exe"):
            assert outcome == REFUSED
            return
        assert outcome == (LOST if fault is Fault.LOST else BEFORE.get(fault, OK))
        if media_id:
            self.media.append(media_id)

    @rule(address=ANYWHERE, name=NAMES, uploaded=MOSTLY, fault=FAULTS)
    def send_file(self, address: str, name: str, uploaded: bool, fault: Fault) -> None:
        """Send a file. One that was not uploaded is refused, wherever it is sent to."""
        marker, media_id = Marker(), self.media[-1] if uploaded else UNKNOWN_MEDIA
        self.chat.set_fault(fault)
        request = self.chat.messenger.send_file(Destination.parse(address), media_id, name, sending=marker)
        answer = self.call(request)
        if uploaded or fault is not Fault.NONE:
            self.check_sent(answer, marker, address, ("file", name) if uploaded else None, fault)
        else:
            assert (answer, marker.ends) == ((REFUSED, None), [REFUSED])

    def check_sent(
        self,
        answer: tuple[Outcome, Any],
        marker: Marker,
        address: str,
        what: tuple[str, str] | None,
        fault: Fault,
    ) -> None:
        """Compare what came of a message. The marker encloses its one request, whatever comes of it."""
        outcome, result = answer
        shown = self.show(address, *what) if what and fault not in BEFORE else OK
        expected = BEFORE.get(fault, shown)
        assert outcome == (LOST if fault is Fault.LOST else expected)
        if outcome != NOBODY:  # which DingTalk tells in an answer that is no error
            assert marker.ends == [outcome]
        assert (outcome == OK) is bool(result and result.message_id)

    @rule(present=st.booleans())
    def robot_comes_or_leaves(self, present: bool) -> None:
        self.chat.set_member(present)
        self.member = present

    @rule()
    def convert(self) -> None:
        assert self.call(self.chat.messenger.conversation_id(OPS_CHAT)) == (OK, OPS)
        assert self.call(self.chat.messenger.conversation_id(OTHER)) == (OK, OTHER)
        outcome, _ = self.call(self.chat.messenger.conversation_id("chatnobody"))
        assert outcome == (PermanentError, False, "wrong_group", False)

    @invariant()
    def people_see_what_the_model_says(self) -> None:
        for place in PLACES:
            assert list(self.chat.shown(place)) == self.shown[place]
        for number in range(3):
            card_id = self.named("card", number)
            assert self.chat.content(card_id) == self.cards.get(card_id)
