"""Access of one person in one conversation: what may be seen and done there."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.audit.request import note_decision, note_run, note_schedule
from bot.chat.permissions import (
    AccessPolicy,
    AccessRequest,
    Decision,
    Grant,
    Permission,
    Requester,
    Role,
    access_line,
    decide,
    grants,
    is_open,
)
from bot.errors import Refused
from bot.models import Destination, Person, Run, Schedule
from cards.escaping import Markup

_PHRASES: Mapping[str, str] = {
    "no_staff_id": "outsider",
    "other_organization": "outsider",
    "forwarded_card": "card_forwarded",
    "unknown_conversation": "conversation_unknown",
    "not_here": "not_here",
    "needs_viewer": "needs_viewer",
    "needs_operator": "needs_operator",
    "needs_admin": "needs_admin",
}
"""What is said, by the rule that refused."""
_PLAIN = re.compile(r"[\w .:,'+/=$\-\[\]{}]*", re.ASCII)  # YAML of ids, none of which is markup


@dataclass(frozen=True, kw_only=True)
class Access:
    """The access of a person in a conversation, for one command or button."""

    requester: Requester
    policy: AccessPolicy
    permission: Permission  # that the command or button needs

    @property
    def person(self) -> Person:
        return self.requester.person

    @property
    def is_open(self) -> bool:
        """Return whether DingRun works in this conversation. One-to-one chats are judged by their person."""
        return is_open(self.requester, self.policy)

    @property
    def role(self) -> Role:
        """Return the highest role here, for any schedule. There is none in an unknown conversation."""
        if not self.allows(Permission.VIEW):
            return Role.NONE
        return max((grant.role for grant in self.grants()), key=lambda role: role.rank, default=Role.NONE)

    def grants(self) -> Sequence[Grant]:
        """List the roles of the person here, and where each comes from."""
        request = AccessRequest(requester=self.requester, permission=Permission.VIEW)
        return tuple(grants(request, self.policy))

    def line(self, role: Role) -> str:
        """Return the line of config.yaml for a role of this person, and for this group if it is unknown."""
        return _as_markup(access_line(self.requester, role, self.policy))

    def allows(self, permission: Permission) -> bool:
        """Return whether the person may do this here, on at least one schedule."""
        return self._decide(permission).allowed

    def sees(self, schedule: Schedule) -> bool:
        """Return whether the schedule, its runs and its reports may be shown here."""
        return self._decide(Permission.VIEW, schedule).allowed

    def may(self, permission: Permission, schedule: Schedule) -> bool:
        """Return whether the person may do this to a schedule here."""
        return self._decide(permission, schedule).allowed

    def sees_run(self, run: Run) -> bool:
        """Return whether a run may be shown here: its schedule was routed here, or it was asked for here."""
        return self._decide(Permission.VIEW, run.schedule, run.asked_in).allowed

    def ensure(self, permission: Permission, schedule: Schedule | None = None) -> None:
        """Accept an act on a schedule, or one that concerns no schedule.

        Raises:
            Refused: The person may not do this here.
        """
        if schedule:
            note_schedule(schedule)
        self._accept(permission, schedule)

    def ensure_run(self, run: Run) -> None:
        """Accept what the command or button does, on a run.

        Raises:
            Refused: The person may not do this here.
        """
        note_run(run)
        self._accept(self.permission, run.schedule, run.asked_in)

    def lacks_role(self, run: Run) -> bool:
        """Return whether all that is missing is a role, for what the command or button does to a run."""
        return bool(self._decide(self.permission, run.schedule, run.asked_in).missing)

    def note_decision(self, run: Run) -> None:
        """Note in the audit how the command or button is decided on. What was accepted stays so."""
        note_run(run)
        decision = self._decide(self.permission, run.schedule, run.asked_in)
        note_decision(allowed=decision.allowed, rule=decision.rule)

    def _decide(
        self, permission: Permission, schedule: Schedule | None = None, asked_in: Destination | None = None
    ) -> Decision:
        request = AccessRequest(
            requester=self.requester, permission=permission, schedule=schedule, asked_in=asked_in
        )
        return decide(request, self.policy)

    def _accept(
        self, permission: Permission, schedule: Schedule | None, asked_in: Destination | None = None
    ) -> None:
        decision = self._decide(permission, schedule, asked_in)
        note_decision(allowed=decision.allowed, rule=decision.rule)
        if not decision.allowed:
            who = self.requester
            raise Refused(
                _PHRASES[decision.rule],
                rule=decision.rule,
                name=who.person.name,
                views=self._decide(Permission.VIEW, schedule, asked_in).allowed,
                staff_id=who.person.id,
                conversation=who.conversation_id,
                setting="viewers" if self.policy.viewers else "rules",
                missing=_as_markup(decision.missing),
            )


def _as_markup(line: str) -> str:
    return Markup(line) if _PLAIN.fullmatch(line) else line
