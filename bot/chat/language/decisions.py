"""Decide what kind of answer is due, by the evidence in a text. Pure.

An act is never guessed: what is not perfectly clear is asked back, and what is forbidden, told or asked
about is not done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from bot.chat.language.about_acts import about_an_act
from bot.chat.language.evidence import Certainty, Evidence, Wish
from bot.chat.language.lexicon import ABOUT, ABOUT_WORDS, LISTED, NOT_AGAIN, PRIORITY, UNDOES, Role
from bot.chat.language.normalize import Said
from bot.chat.language.vocabulary import Takes, Vocabulary

MAX_UNKNOWN_NAME = 12  # characters of an unknown name in a question
MAX_LEFT_CHARS = 12  # characters that a question may have beside what is understood


_OUTCOMES = frozenset({"重跑失败", "rerun failed", "失败", "failed", "成功", "ok", "okay"})


_NO_NAME_ALONE = (Role.NOT, Role.DONT, Role.PAST, Role.LATER, Role.OFF, Role.NOTICE)  # beside a name


class Answer(StrEnum):
    """The kind of answer that is due."""

    ACT = "act"  #: run the command, which changes something
    ASK = "ask"  #: ask back before the command is run
    LOOK = "look"  #: run the command, which only shows something
    WHICH = "which"  #: ask which of `keys` is meant, or which of all if it has none
    NO_SUCH = "no_such"  #: say that nothing has the name `claimed`
    SMALLTALK = "smalltalk"  #: answer kindly
    FORBIDDEN = "forbidden"  #: say that nothing is done
    UNKNOWN = "unknown"  #: say that it was not understood


@dataclass(frozen=True, kw_only=True)
class Interpretation:
    """Meaning of a text."""

    answer: Answer
    command: str = ""  # name of the command, if any
    certainty: Certainty = Certainty.NOTHING
    keys: tuple[str, ...] = ()  # of what is named; several if any of these may be meant
    claimed: str = ""  # a name that nothing has
    day: date | None = None
    number: int = 0  # in the last list; 0 = none
    text: str = ""  # argument of a command that takes text, as it was written
    suggestion: str = ""  # word that may have been meant by an unknown text


def decide(evidence: Evidence, said: Said, vocabulary: Vocabulary) -> Interpretation:
    """Decide what kind of answer is due, and to which command and names."""
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
    if wish and wish.command in NOT_AGAIN and evidence.has(Role.DONT) and _says_no_more(evidence, wish):
        wish = replace(wish, command=NOT_AGAIN[wish.command], asked=True)
        return _act(replace(base, command=wish.command), evidence, wish, vocabulary, careful=True)
    if wish and evidence.has(Role.DONT):
        return _no(base, evidence)
    if evidence.acted or (wish and wish.acts) or _mentions_act(evidence):
        about = about_an_act(evidence, wish)
        if about is not None:
            return (
                _look(replace(base, command=about), evidence, vocabulary, common=False)
                if about
                else _no(base, evidence)
            )
    if wish is None:
        return _without_command(base, evidence, vocabulary)
    if wish.acts:
        return _act(
            base, evidence, wish, vocabulary, careful=mixed or said.cut or tells_another(evidence.roles, said)
        )
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
    both = None if joined else _together(acts, looks)
    if both:
        return both, False
    if looks and not (clear and joined):
        return min(looks, key=_rank), False
    if not acts:
        return None, False
    first = next((wish for wish in clear if wish.command == acts[0].command), acts[0])
    others = {wish.command for wish in acts if not wish.common or wish.command == UNDOES} - {first.command}
    return first, bool(others or looks)


def _together(acts: Sequence[Wish], looks: Sequence[Wish]) -> Wish | None:
    """Return what a word of an acting command and one of a looking command mean together, or None.

    启动失败 tells how a start went. With 的 it is what failed.
    """
    for act in acts:
        for look in looks:
            if act.asked and not act.common and (act.command, look.command) in ABOUT:
                return act
            both = ABOUT.get((act.command, look.command))
            fits = look.word in ABOUT_WORDS.get(look.command, {look.word})
            if both and fits and (not act.common or "的" in look.word):
                return replace(act, command=both, acts=both != look.command, common=False)
    return None


def _rank(wish: Wish) -> tuple[bool, int]:
    known = wish.command in PRIORITY
    return wish.common, PRIORITY.index(wish.command) if known else len(PRIORITY)


def _no(base: Interpretation, evidence: Evidence) -> Interpretation:
    answer = Answer.FORBIDDEN if evidence.has(Role.NOT, Role.DONT) else Answer.UNKNOWN
    return replace(base, answer=answer)


def _act(
    base: Interpretation, evidence: Evidence, wish: Wish, vocabulary: Vocabulary, *, careful: bool
) -> Interpretation:
    """Decide on an acting command: act, ask back, or refuse."""
    subject = evidence.subject
    if evidence.has(Role.ALL) and not subject.keys:
        takes_schedule = vocabulary.commands[wish.command].takes is Takes.SCHEDULE
        answer = Answer.WHICH if takes_schedule else Answer.NO_SUCH
        return replace(base, answer=answer, claimed=subject.claimed or "全部")
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
        or evidence.numbers > 1
        or wish.asked
        or evidence.has(Role.LATER, Role.ELSE, Role.ALL, Role.NOUN, Role.NOTICE, Role.OFF)
        or evidence.names_act
        or asks(evidence)
        or (wish.common and not _is_clear(evidence))
        or _is_told_by_order(evidence)
    )
    return replace(base, answer=Answer.ASK if unsure else Answer.ACT)


def _says_no_more(evidence: Evidence, wish: Wish) -> bool:
    """Return whether what runs is to end: 别再跑每日巡检了."""
    again = wish.common or wish.word.startswith("再")
    return again and evidence.past_words == {"了"} and bool(evidence.subject.keys)


def tells_another(roles: frozenset[Role], said: Said) -> bool:
    """Return whether somebody who is mentioned is told to do it: @张三 你重跑一下."""
    polite = said.addresses and Role.PLEASE in roles
    return said.tells or polite or (said.mentions and Role.YOU in roles)


def asks(evidence: Evidence) -> bool:
    """Return whether a text asks about an act. A polite question is a request: 能帮我重跑吗."""
    polite = evidence.has(Role.PLEASE) and not evidence.has(Role.CHECK)
    return evidence.has(Role.MAY) or (evidence.has(Role.CAN, Role.WHETHER) and not polite)


def _is_clear(evidence: Evidence) -> bool:
    """Return whether a common word is a command: it has a measure, or stands before a name."""
    named = evidence.subject.certainty in {Certainty.EXACT, Certainty.PART}
    return evidence.has(Role.ONCE) or (evidence.starts_with_wish and named)


def _is_told_by_order(evidence: Evidence) -> bool:
    """Return whether a text with a name ends on how an act went: 每日巡检重跑失败, daily scan rerun ok."""
    return bool(evidence.subject.keys) and evidence.ends_on in _OUTCOMES


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
    if subject.keys and not strange and not evidence.has(*_NO_NAME_ALONE):
        return _look(replace(base, command="status"), evidence, vocabulary, common=True)
    return base
