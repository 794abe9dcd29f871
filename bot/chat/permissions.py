"""Permissions, closed by default: people outside the organization may do nothing. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from bot.models import Person


class Permission(StrEnum):
    VIEW = "view"  #: see runs, schedules and reports
    OPERATE = "operate"  #: start and stop runs
    ADMIN = "admin"  #: see what concerns all conversations, such as who did what


@dataclass(frozen=True, kw_only=True)
class AccessPolicy:
    """The `access` section of the settings. An empty list allows every member.

    Attributes:
        operators: staffIds that may operate, and view.
        viewers: staffIds that may view.
        conversations: The only conversations in which anything may be done.
        named: staffIds that other settings name. Their taps count before they have sent a message.
    """

    operators: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    def lists(self, staff_id: str) -> bool:
        """Return whether the settings name this staffId."""
        return staff_id in {*self.operators, *self.viewers, *self.named}


def is_allowed(person: Person, conversation: str, permission: Permission, policy: AccessPolicy) -> bool:
    """Return whether this person may do this here. Nobody operates what they may not view.

    `Person.id` is empty for people outside the robot's organisation (0699-robot-message-type, senderStaffId).
    """
    if not person.id:
        return False
    if policy.conversations and conversation not in policy.conversations:
        return False
    if policy.viewers and person.id not in {*policy.viewers, *policy.operators}:
        return False
    return permission is Permission.VIEW or not policy.operators or person.id in policy.operators
