"""Record in the audit why a request is not fulfilled."""

from bot.audit.request import finish_entry, note_decision
from bot.errors import ConfirmationNeeded, Refused, UserError
from bot.models import AuditOutcome

QUESTIONS = frozenset({"unknown", "approval_waits"})


async def record_refusal(error: UserError) -> None:
    """Record why the current request is not fulfilled: not allowed, not possible, or not clear."""
    if isinstance(error, Refused):
        note_decision(allowed=False, rule=error.rule)
        await finish_entry(AuditOutcome.REFUSED)
        return
    asked = isinstance(error, ConfirmationNeeded) or error.phrase in QUESTIONS or "listed" in error.values
    await finish_entry(AuditOutcome.ASKED_BACK if asked else AuditOutcome.REFUSED, error.phrase)
