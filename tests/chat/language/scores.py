"""Score the parser on a file of utterances."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from bot.chat.language.decisions import Answer, Interpretation
from bot.chat.language.normalize import fold
from bot.chat.language.parser import Parser
from bot.chat.language.tokens import Named
from handlers import router

TODAY = date(2026, 11, 29)
FOLDER = Path(__file__).parent
SCHEDULES: dict[str, str] = yaml.safe_load((FOLDER / "utterances.yaml").read_text())["schedules"]
NAMES = [Named(key=key, name=fold(name)) for key, name in SCHEDULES.items()]
PARSER = Parser([command.language for command in router.commands])
_KINDS = {Answer.WHICH: "list", Answer.NO_SUCH: "refuse_unknown", Answer.FORBIDDEN: "unknown"}


@dataclass(frozen=True)
class Utterance:
    """Text that somebody says, and the answer that is expected."""

    text: str
    intent: str
    schedule: str
    answer: str


@dataclass(frozen=True)
class Score:
    """An utterance, and what the parser made of it."""

    said: Utterance
    found: Utterance

    @property
    def is_right(self) -> bool:
        wanted, found = self.said, self.found
        if wanted.answer in {"unknown", "smalltalk", "help"}:
            return wanted.answer == found.answer
        same = (wanted.intent, wanted.answer) == (found.intent, found.answer)
        return same and wanted.schedule in {"", found.schedule}

    @property
    def is_wrong_act(self) -> bool:
        return self.found.answer == "act" and not self.is_right


def load(name: str) -> Iterator[Utterance]:
    """Read the utterances of a file."""
    for group in yaml.safe_load((FOLDER / name).read_text())["groups"]:
        for line in group["say"].strip().splitlines():
            yield Utterance(line.strip(), group["intent"], group.get("schedule", ""), group["answer"])


def parse(text: str) -> Interpretation:
    return PARSER.parse(text, names=NAMES, today=TODAY)


def score(said: Utterance) -> Score:
    """Compare what the parser makes of an utterance with what is expected."""
    found = parse(said.text)
    answer = _KINDS.get(found.answer, found.answer.value)
    if answer == "look" and found.command == "help":
        answer = "help"
    schedule = found.keys[0] if len(found.keys) == 1 else ""
    return Score(said, Utterance(said.text, found.command, schedule, answer))
