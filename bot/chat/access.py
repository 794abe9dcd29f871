"""What one person may do and see in one conversation."""

from dataclasses import dataclass

from bot.audit.request import note_decision, note_schedule
from bot.chat.permissions import AccessPolicy, Permission, is_allowed
from bot.errors import UserError
from bot.models import Person, Schedule


@dataclass(frozen=True, kw_only=True)
class Access:
    """The access of a person in a conversation."""

    person: Person
    conversation_id: str
    policy: AccessPolicy

    def sees(self, schedule: Schedule) -> bool:
        """Return whether the schedule, its runs and its reports may be shown here."""
        return is_allowed(self.person, self.conversation_id, Permission.VIEW, self.policy)

    def ensure(self, permission: Permission, schedule: Schedule | None = None) -> None:
        """Accept an act on a schedule, or one that concerns no schedule.

        Raises:
            UserError: The person may not do this here.
        """
        if schedule:
            note_schedule(schedule)
        if not is_allowed(self.person, self.conversation_id, permission, self.policy):
            raise UserError("denied", name=str(self.person))
        note_decision(allowed=True, rule=f"access, {permission}")
