"""Record in the audit why a request is not fulfilled."""

from collections.abc import Mapping

from bot.audit.request import finish_entry, note_decision
from bot.errors import ConfirmationNeeded, UserError
from bot.models import AuditOutcome

RULES: Mapping[str, str] = {  # by phrase, for refusals that name no rule
    "card_unknown": "unknown card",
}
QUESTIONS = frozenset({"unknown"})


async def record_refusal(error: UserError) -> None:
    """Record why the current request is not fulfilled: not allowed, not possible, or not clear."""
    rule = getattr(error, "rule", "") or RULES.get(error.phrase, "")
    if rule:
        note_decision(allowed=False, rule=rule)
    asked = isinstance(error, ConfirmationNeeded) or error.phrase in QUESTIONS or "listed" in error.values
    await finish_entry(AuditOutcome.ASKED_BACK if asked else AuditOutcome.REFUSED, error.phrase)
