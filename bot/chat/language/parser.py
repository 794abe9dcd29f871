"""Interpret what a person says. Pure: it knows words and names, and decides what kind of answer is due.

An act is never guessed: what is not perfectly clear is asked back, and what is forbidden, told or asked
about is not done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from bot.chat.language.evidence import Certainty, Evidence, Wish, collect
from bot.chat.language.lexicon import ABOUT, FAILED_ONES, LISTED, PRIORITY, WHY_ACTED, Role
from bot.chat.language.near import is_typo
from bot.chat.language.normalize import Said, fold, read
from bot.chat.language.tokens import Named, Tokenizer
from bot.chat.language.vocabulary import CommandWords, Takes, Vocabulary

MAX_UNKNOWN_NAME = 12  # characters of an unknown name in a question
MAX_LEFT_CHARS = 12  # characters that a question may have beside what is understood


class Answer(StrEnum):
    """The kind of answer that is due."""

    ACT = "act"  #: run the command, which changes something
    ASK = "ask"  #: ask back before the command is run
    LOOK = "look"  #: run the command, which only shows something
    WHICH = "which"  #: ask which of `keys` is meant
    NO_SUCH = "no_such"  #: say that nothing has the name `claimed`
    SMALLTALK = "smalltalk"  #: answer kindly
    FORBIDDEN = "forbidden"  #: say that nothing is done
    UNKNOWN = "unknown"  #: say that it was not understood


@dataclass(frozen=True, kw_only=True)
class Interpretation:
    """What a text means."""

    answer: Answer
    command: str = ""  # name of the command, if any
    certainty: Certainty = Certainty.NOTHING
    keys: tuple[str, ...] = ()  # of what is named; several if any of these may be meant
    claimed: str = ""  # a name that nothing has
    day: date | None = None
    number: int = 0  # in the last list; 0 = none
    text: str = ""  # argument of a command that takes text, as it was written
    suggestion: str = ""  # word that may have been meant by an unknown text


class Parser:
    """Interprets texts by the words of the commands."""

    def __init__(self, commands: Sequence[CommandWords]) -> None:
        self._vocabulary = Vocabulary.build(commands)

    @property
    def words(self) -> frozenset[str]:
        """Return all words that mean something, folded."""
        return frozenset(self._vocabulary.senses)

    def parse(self, text: str, *, names: Sequence[Named] = (), today: date) -> Interpretation:
        """Interpret a text, with the names that are known now. Never raises."""
        said = read(text)
        free = self._free_text(said)
        if free:
            return free
        tokens = Tokenizer(self._vocabulary, names, today).split(said.text)
        evidence = collect(said, tokens, names, self._vocabulary)
        found = _decide(evidence, said, self._vocabulary)
        if found.answer is Answer.UNKNOWN and not evidence.wishes and not evidence.acted:
            return self._by_typo(evidence, found)
        return found

    def _free_text(self, said: Said) -> Interpretation | None:
        """Return the command with an argument of its own form that the text starts with."""
        for command in self._vocabulary.commands.values():
            for word in command.words if command.takes is Takes.TEXT else ():
                rest = rest_after(said, fold(word))
                if rest is not None:
                    careful = said.mentions or said.cut or said.text.endswith(("吗", "?"))
                    answer = Answer.LOOK if not command.acts else Answer.ASK if careful else Answer.ACT
                    return Interpretation(answer=answer, command=command.name, text=rest)
        return None

    def _by_typo(self, evidence: Evidence, found: Interpretation) -> Interpretation:
        """Ask back for an acting command whose word has a typo, and suggest the word of another."""
        subject = evidence.subject
        unknown = [fold(text) for text in (subject.claimed, *subject.left) if text]
        command, word = self._nearest(unknown[0]) if len(unknown) == 1 else (None, "")
        if command is None:
            return found
        keys = () if subject.claimed else subject.keys
        if command.acts and not evidence.has(Role.NOT, Role.DONT) and len(keys) <= 1:
            return replace(found, answer=Answer.ASK, command=command.name, keys=keys, claimed="")
        return replace(found, suggestion=word)

    def _nearest(self, unknown: str) -> tuple[CommandWords | None, str]:
        """Return the command that has a word of which this is a typo, and the word."""
        for command in self._vocabulary.commands.values():
            for word in (*command.words, *command.also):
                if is_typo(unknown, fold(word)):
                    return command, word
        return None, ""


def rest_after(said: Said, word: str) -> str | None:
    """Return what follows the word that a text starts with, as it was written, or None."""
    if not said.text.startswith(word):
        return None
    rest = said.written(len(word))
    bounded = not rest or not rest[0].isascii() or not rest[0].isalnum() or not word[-1].isascii()
    return rest.strip(" ,:。.!?") if bounded else None


def _decide(evidence: Evidence, said: Said, vocabulary: Vocabulary) -> Interpretation:
    wish, mixed = _choose(evidence.wishes, joined=evidence.has(Role.AND, Role.LATER))
    name = wish.command if wish else ""
    base = Interpretation(
        answer=Answer.UNKNOWN,
        command=name,
        certainty=evidence.subject.certainty,
        keys=evidence.subject.keys,
        claimed=evidence.subject.claimed,
        day=evidence.day,
        number=evidence.number,
    )
    if wish and evidence.has(Role.DONT):
        return _no(base, evidence)
    if evidence.acted or (wish and wish.acts) or _mentions_act(evidence):
        about = _about_an_act(evidence, wish)
        if about is not None:
            return (
                _look(replace(base, command=about), evidence, vocabulary, common=False)
                if about
                else _no(base, evidence)
            )
    if wish is None:
        return _without_command(base, evidence, vocabulary)
    if wish.acts:
        return _act(base, evidence, wish, careful=mixed or said.mentions or said.cut)
    if evidence.has(Role.EVERY, Role.ALL) and name in LISTED:
        base = replace(base, command=LISTED[name])
    return _look(base, evidence, vocabulary, common=wish.common)


def _mentions_act(evidence: Evidence) -> bool:
    return any(wish.acts for wish in evidence.wishes)


def _choose(wishes: Sequence[Wish], *, joined: bool) -> tuple[Wish | None, bool]:
    """Return the wish that counts, and whether another one stands beside it."""
    acts = [wish for wish in wishes if wish.acts]
    looks = [wish for wish in wishes if not wish.acts]
    clear = [wish for wish in acts if not wish.common]
    for act in acts:
        for look in looks:
            both = ABOUT.get((act.command, look.command))
            if both and not joined and (look.command != "failures" or look.word in FAILED_ONES):
                return replace(act, command=both, acts=both != look.command, common=False), False
    if looks and not (clear and joined):
        return min(looks, key=_rank), False
    if not acts:
        return None, False
    first = (
        acts[0]
        if len({wish.command for wish in clear}) != 1 or acts[0].command != clear[0].command
        else clear[0]
    )
    first = clear[0] if clear and first.common and first.command == clear[0].command else first
    others = {wish.command for wish in acts if not wish.common} - {first.command}
    return first, bool(others or looks)


def _rank(wish: Wish) -> tuple[bool, int]:
    known = wish.command in PRIORITY
    return wish.common, PRIORITY.index(wish.command) if known else len(PRIORITY)


def _wishes_for(evidence: Evidence, *commands: str) -> bool:
    return any(wish.command in commands for wish in evidence.wishes)


def _is_told(evidence: Evidence) -> bool:
    return evidence.has(Role.PAST, Role.DID) or evidence.ends_on == "的" or bool(evidence.acted)


def _asks_what_was(evidence: Evidence) -> bool:
    return evidence.has(Role.DID) or (evidence.has(Role.PAST) and evidence.has(Role.WHETHER))


def _is_past(evidence: Evidence) -> bool:
    """Return whether an act is told, and not commanded as in 把它停了."""
    commanded = evidence.has(Role.TAKE) and not evidence.has(Role.ELSE) and evidence.past_words == {"了"}
    return bool(evidence.acted) or (evidence.has(Role.PAST) and not commanded)


def _why(evidence: Evidence, act: str) -> str:
    return "failures" if _wishes_for(evidence, "failures") else WHY_ACTED.get(act, "failures")


Rule = tuple[Callable[[Evidence], bool], Callable[[Evidence, str], str]]

_ABOUT_RULES: tuple[Rule, ...] = (
    (lambda e: e.has(Role.WHO), lambda e, act: "started by"),
    (lambda e: e.has(Role.WHY), _why),
    (lambda e: e.has(Role.WHEN), lambda e, act: "history" if _is_told(e) else "next runs"),
    (
        lambda e: e.has(Role.HOW) and _is_told(e),
        lambda e, act: "started by" if e.ends_on == "的" else _why(e, act),
    ),
    (lambda e: e.has(Role.HOW), lambda e, act: "help"),
    (lambda e: e.has(Role.NOT, Role.DONT), lambda e, act: ""),
    (lambda e: _asks_what_was(e) and _wishes_for(e, "failures", "rerun failed"), lambda e, act: "failures"),
    (_asks_what_was, lambda e, act: "status"),
    (_is_past, lambda e, act: ""),
)
"""What is said about an act, rather than wished: the command that answers it, or "" to do nothing."""


def _about_an_act(evidence: Evidence, wish: Wish | None) -> str | None:
    act = evidence.acted or next((each.command for each in evidence.wishes if each.acts), "")
    if wish and not wish.acts and not evidence.has(Role.WHO, Role.WHY, Role.WHEN, Role.HOW):
        return None
    return next((answer(evidence, act) for applies, answer in _ABOUT_RULES if applies(evidence)), None)


def _no(base: Interpretation, evidence: Evidence) -> Interpretation:
    answer = Answer.FORBIDDEN if evidence.has(Role.NOT, Role.DONT) else Answer.UNKNOWN
    return replace(base, answer=answer)


def _act(base: Interpretation, evidence: Evidence, wish: Wish, *, careful: bool) -> Interpretation:
    """Decide on an acting command: act, ask back, or refuse."""
    subject, polite = evidence.subject, evidence.has(Role.PLEASE)
    if evidence.has(Role.ALL) and not subject.keys:
        return replace(base, answer=Answer.NO_SUCH, claimed=subject.claimed or "全部")
    if subject.certainty is Certainty.UNKNOWN:
        clear = not wish.common or evidence.has(Role.ONCE) or evidence.starts_with_wish
        return replace(base, answer=Answer.NO_SUCH if clear else Answer.UNKNOWN)
    if len(subject.keys) > 1:
        return replace(base, answer=Answer.WHICH)
    unsure = (
        careful
        or subject.certainty is Certainty.CLOSE
        or bool(subject.left)
        or evidence.day is not None
        or evidence.has(Role.LATER, Role.ELSE, Role.ALL)
        or (evidence.has(Role.MAY, Role.WHETHER) and not polite)
        or (wish.common and not _is_clear(evidence))
        or (wish.command == "rerun failed" and _is_told_by_order(evidence))
    )
    return replace(base, answer=Answer.ASK if unsure else Answer.ACT)


def _is_clear(evidence: Evidence) -> bool:
    """Return whether a common word is a command: it has a measure, or stands before a name."""
    named = evidence.subject.certainty in {Certainty.EXACT, Certainty.PART}
    return evidence.has(Role.ONCE) or (evidence.starts_with_wish and named)


def _is_told_by_order(evidence: Evidence) -> bool:
    """Return whether 重跑失败 stands behind a name, where it may tell that a rerun failed."""
    return bool(evidence.subject.keys) and evidence.ends_on in {"重跑失败", "rerun failed"}


def _look(
    base: Interpretation, evidence: Evidence, vocabulary: Vocabulary, *, common: bool
) -> Interpretation:
    """Decide on a command that only shows something."""
    command = vocabulary.commands.get(base.command)
    subject = evidence.subject
    if command is None:
        return replace(base, answer=Answer.UNKNOWN)
    if command.takes is Takes.NOTHING:
        strange = subject.left_chars + len(subject.claimed)
        fits = strange == 0 or (not common and strange <= MAX_LEFT_CHARS)
        return replace(base, keys=(), claimed="", answer=Answer.LOOK if fits else Answer.UNKNOWN)
    if subject.left_chars > MAX_LEFT_CHARS:
        return replace(base, answer=Answer.UNKNOWN)
    if subject.certainty is Certainty.UNKNOWN:
        likely = not common and not subject.left and len(subject.claimed) <= MAX_UNKNOWN_NAME
        return replace(base, answer=Answer.NO_SUCH if likely else Answer.UNKNOWN)
    return replace(base, answer=Answer.WHICH if len(subject.keys) > 1 else Answer.LOOK)


def _without_command(base: Interpretation, evidence: Evidence, vocabulary: Vocabulary) -> Interpretation:
    """Answer a name alone by its status, and small talk kindly."""
    subject = evidence.subject
    strange = bool(subject.left or subject.claimed)
    if evidence.has(Role.SMALLTALK) and not strange and not subject.keys:
        return replace(base, answer=Answer.SMALLTALK)
    if subject.keys and not strange and not evidence.has(Role.NOT, Role.DONT, Role.PAST, Role.LATER):
        return _look(replace(base, command="status"), evidence, vocabulary, common=True)
    return base
