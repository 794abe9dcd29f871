"""Who may do what. Pure, and closed by default: who is not known to be of the organisation may do nothing."""

from dataclasses import dataclass
from enum import StrEnum

from bot.models import Person


class Permission(StrEnum):
    VIEW = "view"  #: see runs, schedules and reports
    OPERATE = "operate"  #: start and stop runs


@dataclass(frozen=True, kw_only=True)
class AccessPolicy:
    """The `access` section of the settings. An empty list leaves the question open to every member.

    operators: staffIds that may operate (and view); viewers: staffIds that may view;
    conversations: the only conversations in which anything may be done;
    named: staffIds that other settings name, whose presses count before they have spoken.
    """

    operators: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    def lists(self, person: str) -> bool:
        """Whether the settings name this staffId."""
        return person in {*self.operators, *self.viewers, *self.named}


def is_allowed(person: Person, conversation: str, act: Permission, rules: AccessPolicy) -> bool:
    """Whether this person may do this here. Nobody operates what they may not view.

    `Person.id` is empty for people outside the robot's organisation (0699-robot-message-type, senderStaffId).
    """
    if not person.id:
        return False
    if rules.conversations and conversation not in rules.conversations:
        return False
    if rules.viewers and person.id not in {*rules.viewers, *rules.operators}:
        return False
    return act is Permission.VIEW or not rules.operators or person.id in rules.operators
