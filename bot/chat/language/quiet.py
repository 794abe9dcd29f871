"""Read wishes to be left in peace: 别推送每日巡检, turn off notifications, 静默 全部. Pure."""

from collections.abc import Sequence

from bot.chat.language.decisions import MAX_UNKNOWN_NAME, Answer, Interpretation, tells_another
from bot.chat.language.lexicon import Role
from bot.chat.language.normalize import Said
from bot.chat.language.spans import is_span, last_span
from bot.chat.language.tokens import Token, written

MUTE, NOTIFY, STOP, SCHEDULES = "mute", "notify", "stop", "schedules"

_ASKING = frozenset({Role.WHY, Role.HOW, Role.WHO, Role.WHEN, Role.DID, Role.NOT})
_ME = frozenset({"我", "我们", "咱们"})
_EMPTY = frozenset({
    Role.FILLER, Role.PLEASE, Role.YOU, Role.CHECK, Role.SMALLTALK, Role.TAKE, Role.OF, Role.ONCE, Role.PAST,
    Role.WHETHER, Role.MAY, Role.CAN, Role.AND, Role.ELSE,
})  # fmt: skip


def read_mute_of_all(said: Said, words: Sequence[Token]) -> Interpretation | None:
    """Return the question which schedule is meant, if all are to be muted."""
    mutes = [token for token in words if _means(token, MUTE)]
    rest = [token for token in words if token not in mutes]
    if not mutes or not _has(rest, Role.ALL) or _has(rest, *_ASKING, Role.DONT):
        return None
    return _of_all(said, rest)


def read_quiet(said: Said, words: Sequence[Token]) -> Interpretation | None:
    """Return the mute that is meant by what is to be said no more: 停止推送, don't notify me.

    A time is asked back, and without one the command itself asks for how long. No run is stopped.
    """
    notices = [token for token in words if _is_notice(token)]
    forbids = [token for token in words if _has([token], Role.DONT)]
    ends = [token for token in words if _means(token, STOP) or _has([token], Role.OFF)]
    if not notices or bool(forbids) == bool(ends) or _is_not_wished(said, words):
        return None
    ending = (forbids or ends)[0]
    if not forbids and not _stand_together(said, words, ending, notices):
        return None
    rest = [token for token in words if token not in [*notices, *forbids, *ends]]
    if _has(rest, Role.ALL):
        return _of_all(said, rest)
    if any(_has_command(token) for token in rest):
        return None
    return _of_one(said, words, rest)


def _of_all(said: Said, rest: Sequence[Token]) -> Interpretation | None:
    others = [token for token in rest if not (_has([token], Role.ALL) or _means(token, SCHEDULES))]
    text = _join(said, others)
    if text and not is_span(text):
        return None
    return Interpretation(answer=Answer.WHICH, command=MUTE, text=text)


def _of_one(said: Said, words: Sequence[Token], rest: Sequence[Token]) -> Interpretation | None:
    named = [token for token in rest if token.keys and not token.part]
    keys = tuple(dict.fromkeys(key for token in named for key in token.keys))
    others = [token for token in rest if token not in named]
    span = last_span(_join(said, others))
    if len(keys) > 1:
        return Interpretation(answer=Answer.WHICH, command=MUTE, keys=keys, text=span)
    name = said.written(named[0].start, named[0].end) if named else ""
    if not named:
        name = _join(said, [token for token in others if not _has([token], Role.LATER) and token.day is None])
    if len(name) > MAX_UNKNOWN_NAME and not named:
        return None
    text = f"{name} {span}".strip()
    roles = frozenset(role for token in words if token.sense for role in token.sense.roles)
    asked = said.cut or tells_another(roles, said) or not roles.isdisjoint({Role.MAY, Role.WHETHER})
    answer = Answer.ASK if asked or last_span(text) else Answer.ACT
    return Interpretation(answer=answer, command=MUTE, text=text)


def _is_not_wished(said: Said, words: Sequence[Token]) -> bool:
    """Return whether a text asks, tells, or is about somebody else: 停止推送了, 别通知老板."""
    past = {_text(said, token) for token in words if _has([token], Role.PAST)}
    others = {_text(said, token) for token in words if _has([token], Role.ELSE)} - _ME
    commanded = past <= {"了"} and _has(words, Role.DONT, Role.TAKE)
    return _has(words, *_ASKING) or bool(others) or bool(past and not commanded)


def _stand_together(said: Said, words: Sequence[Token], ending: Token, notices: Sequence[Token]) -> bool:
    """Return whether nothing but a name or fillers stands between what ends and the notice."""
    first, last = sorted((words.index(ending), words.index(notices[0])))
    between = said.text[words[first].end : words[last].start]
    return not _has(words[first + 1 : last], Role.AND) and not any(sign in between for sign in ",;、")


def _join(said: Said, tokens: Sequence[Token]) -> str:
    """Return words as they were written, without those that say nothing."""
    kept = [token for token in tokens if not (token.sense and _says_nothing(token))]
    return written(said, kept).removesuffix("内")


def _says_nothing(token: Token) -> bool:
    return bool(token.sense and token.sense.roles and token.sense.roles <= _EMPTY)


def _is_notice(token: Token) -> bool:
    return _means(token, NOTIFY) or _has([token], Role.NOTICE)


def _means(token: Token, command: str) -> bool:
    return bool(token.sense and command in token.sense.commands[:1])


def _has_command(token: Token) -> bool:
    return bool(token.sense and token.sense.commands and Role.FILLER not in token.sense.roles)


def _has(tokens: Sequence[Token], *roles: Role) -> bool:
    return any(token.sense and not token.sense.roles.isdisjoint(roles) for token in tokens)


def _text(said: Said, token: Token) -> str:
    return said.text[token.start : token.end]
