"""Tell what is said about an act from what is wished: asked, told, forbidden. Pure."""

from collections.abc import Callable

from bot.chat.language.evidence import Evidence, Wish
from bot.chat.language.lexicon import WHY_ACTED, Role


def _wishes_for(evidence: Evidence, *commands: str) -> bool:
    return any(wish.command in commands for wish in evidence.wishes)


def _is_told(evidence: Evidence) -> bool:
    return evidence.has(Role.PAST, Role.DID) or evidence.ends_on == "的" or bool(evidence.acted)


def _asks_what_was(evidence: Evidence) -> bool:
    return evidence.has(Role.DID) or (evidence.has(Role.PAST) and evidence.has(Role.WHETHER))


def _is_past(evidence: Evidence) -> bool:
    """Return whether an act is told, and not commanded as in 把它停了."""
    wished = evidence.has(Role.TAKE, Role.ALL) and not evidence.has(Role.ELSE)
    commanded = wished and evidence.past_words == {"了"}
    return bool(evidence.acted) or (evidence.has(Role.PAST) and not commanded)


def _why(evidence: Evidence, act: str) -> str:
    return "failures" if _wishes_for(evidence, "failures") else WHY_ACTED.get(act, "failures")


def _names_failed_ones(evidence: Evidence) -> bool:
    return any(wish.command == "rerun failed" and "的" in wish.word for wish in evidence.wishes)


Rule = tuple[Callable[[Evidence], bool], Callable[[Evidence, str], str]]

_ABOUT_RULES: tuple[Rule, ...] = (
    (lambda e: e.has(Role.WHO), lambda e, act: "started by"),
    (lambda e: e.has(Role.WHY) and e.has(Role.NOT), lambda e, act: "status"),
    (lambda e: e.has(Role.WHY), _why),
    (lambda e: e.has(Role.WHEN), lambda e, act: "history" if _is_told(e) else "next runs"),
    (
        lambda e: e.has(Role.HOW) and _is_told(e) and not e.has(Role.DID),
        lambda e, act: "started by" if e.ends_on == "的" else _why(e, act),
    ),
    (lambda e: e.has(Role.HOW), lambda e, act: "status" if e.has(Role.DID) else "help"),
    (lambda e: e.has(Role.NOT, Role.DONT), lambda e, act: ""),
    (lambda e: _asks_what_was(e) and _wishes_for(e, "failures", "rerun failed"), lambda e, act: "failures"),
    (_asks_what_was, lambda e, act: "status"),
    (_is_past, lambda e, act: ""),
    (lambda e: e.has(Role.EVERY), lambda e, act: "failures" if _names_failed_ones(e) else "help"),
)
"""What is said about an act, rather than wished: the command that answers it, or "" to do nothing."""


def about_an_act(evidence: Evidence, wish: Wish | None) -> str | None:
    """Return the command that answers what is said about an act, "" for nothing, or None if it is wished."""
    act = evidence.acted or next((each.command for each in evidence.wishes if each.acts), "")
    if wish and not wish.acts and not evidence.has(Role.WHO, Role.WHY, Role.WHEN, Role.HOW):
        return None
    return next((answer(evidence, act) for applies, answer in _ABOUT_RULES if applies(evidence)), None)
