"""Restore a transcript: the people, messages and cards as they were at a point, to continue from there."""

from typing import Any

from dingtalk_sandbox.control import views
from dingtalk_sandbox.control.actions import UserActions
from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.transcripts.document import Recording, dump_transcript, parse_transcript
from dingtalk_sandbox.transcripts.recorder import Entry, Recorder, copy_card, copy_message


class Transcripts:
    """Saves and restores what was recorded."""

    def __init__(self, state: SandboxState, actions: UserActions) -> None:
        self._state, self._actions = state, actions
        self.recorder = Recorder(state)

    def save(self) -> Json:
        return dump_transcript(self._state, self.recorder.entries)

    def replay(self, transcript: Any = None, until: int | str | None = None) -> Json:
        """Forget what happened, and restore a transcript, or what was recorded until now.

        `until` is the number of entries, or the id of the last message. Tokens, connections, faults and the
        clock stay, and bots are told nothing. Session webhooks and unacknowledged pushes are not restored.
        Returns the number of entries and messages. Raises `UsageError`, after which messages and cards are as
        they were.
        """
        before = self._here()
        recording = self._here() if transcript is None else parse_transcript(transcript, self._state.scenario)
        entries = upto(recording.entries, until)
        self._restore(recording, entries)
        try:
            shown = views.serialize_all(self._state)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self._restore(before, before.entries)
            raise UsageError(f"the transcript cannot be shown: {type(error).__name__} {error}") from None
        self._state.feed.publish("change", None)
        return {"entries": len(entries), "messages": len(shown)}

    def _here(self) -> Recording:
        state = self._state
        entries = list(self.recorder.entries)
        return Recording(scenario=state.scenario, entries=entries, files=dict(state.media))

    def _restore(self, recording: Recording, entries: list[Entry]) -> None:
        state = self._state
        state.forget()
        self._actions.clear()
        state.scenario = recording.scenario
        state.media.update(recording.files)
        messages = {entry.message.id: entry.message for entry in entries}
        cards = {entry.card.out_track_id: entry.card for entry in entries if entry.card}
        state.cards.update({id_: copy_card(card) for id_, card in cards.items()})
        for message in messages.values():
            state.conversations.add(copy_message(message))
        self.recorder.restore(entries)


def upto(entries: list[Entry], until: int | str | None) -> list[Entry]:
    """Return the entries up to a number of them, or to the first state of a message. Raises `UsageError`."""
    if until is None:
        return entries
    if isinstance(until, int):
        if not 0 <= until <= len(entries):
            raise UsageError(f"until must be from 0 to {len(entries)}")
        return entries[:until]
    found = next((n for n, entry in enumerate(entries) if entry.message.id == until), None)
    if found is None:
        raise UsageError(f"the transcript has no message {until!r}")
    return entries[: found + 1]
