"""Decide who may do what in which conversation. Closed by default. Pure.

With nothing set in `access`, members of the organization may look at what is routed to the group in which
they ask, and nobody may act.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

import yaml

from bot.models import Destination, DestinationKind, Person, Schedule
from bot.runs.schedule_lookup import normalize_name


class Permission(StrEnum):
    IDENTIFY = "identify"  #: learn one's own ids and role; every member, in every conversation
    VIEW = "view"  #: see runs, schedules and reports
    OPERATE = "operate"  #: start and stop runs
    ADMIN = "admin"  #: see what concerns all conversations, such as who did what


class Role(StrEnum):
    NONE = "none"  #: may only ask for the own role
    VIEWER = "viewer"  #: may look
    OPERATOR = "operator"  #: may look and act
    ADMIN = "admin"  #: may do everything, and sees every schedule everywhere

    @property
    def rank(self) -> int:
        return tuple(Role).index(self)

    def allows(self, permission: Permission) -> bool:
        """Return whether the role includes a permission."""
        return self.rank >= tuple(Permission).index(permission)


@dataclass(frozen=True, kw_only=True)
class AccessRule:
    """A role for people, in conversations, for schedules. An empty list stands for all."""

    role: Role
    people: tuple[str, ...] = ()  # staffIds
    conversations: tuple[str, ...] = ()  # `cid…`
    schedules: tuple[str, ...] = ()  # patterns of a name or an id, such as `备份*`

    def concerns(self, schedule: Schedule) -> bool:
        names = {normalize_name(schedule.id), normalize_name(schedule.name)}
        patterns = [normalize_name(pattern) for pattern in self.schedules]
        return not patterns or any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class AccessPolicy:
    """The `access` section of the settings, and what the other sections say about people and groups.

    Attributes:
        admins: staffIds that may do everything.
        operators: staffIds that may act on every schedule.
        viewers: staffIds that may look at every schedule. If there are none, every member may look at what is
            routed to the group.
        conversations: The configured conversations, with those that destinations name.
        rules: Further roles.
        named: staffIds that other settings name. Their taps count before they have sent a message.
        webhook_groups: The groups of the custom robots, by the robot's name.
    """

    admins: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    rules: tuple[AccessRule, ...] = ()
    named: tuple[str, ...] = ()
    webhook_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def lists(self, staff_id: str) -> bool:
        """Return whether the settings name this staffId."""
        by_rule = [person for rule in self.rules for person in rule.people]
        return staff_id in {*self.admins, *self.operators, *self.viewers, *self.named, *by_rule}

    def knows(self, conversation: str) -> bool:
        """Return whether this is a configured conversation."""
        by_rule = (each for rule in self.rules for each in rule.conversations)
        return conversation in {*self.conversations, *by_rule}


@dataclass(frozen=True, kw_only=True)
class Requester:
    """A person in a conversation, as a message or a tap tells.

    `Person.id` is empty for people outside the robot's organization (0699-robot-message-type, senderStaffId).
    """

    person: Person
    conversation_id: str
    group: bool
    app: str  # that received it, as in `Destination.app`
    aliases: tuple[str, ...] = ()  # old chatIds of the same group
    foreign: bool = False  # of another organization
    forwarded: bool = False  # tapped a card outside of the conversation that it was sent to

    @property
    def conversation_ids(self) -> frozenset[str]:
        return frozenset({self.conversation_id, *self.aliases})


@dataclass(frozen=True, kw_only=True)
class AccessRequest:
    """Request of a person to do something. Without a schedule, it concerns all that is visible here."""

    requester: Requester
    permission: Permission
    schedule: Schedule | None = None
    asked_in: Destination | None = None  # conversation that asked for the run in question


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role that a person has, where it comes from, and whether it shows the schedule here."""

    role: Role
    source: str  # setting, or `member`, `recipient`
    visible: bool = True
    schedules: tuple[str, ...] = ()  # patterns; () = all


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The answer to a request.

    `rule` is a short stable text for logs. `missing` is what to add to config.yaml, in one line, or "".
    """

    allowed: bool
    rule: str
    missing: str = ""


def decide(request: AccessRequest, policy: AccessPolicy) -> Decision:
    """Decide whether a person may do something in a conversation."""
    barred = _identity_problem(request.requester)
    if barred:
        return Decision(allowed=False, rule=barred)
    if request.permission is Permission.IDENTIFY:
        return Decision(allowed=True, rule="member")
    who = request.requester
    if not is_open(who, policy):
        missing = _line({"conversations": [who.conversation_id]})
        return Decision(allowed=False, rule="unknown_conversation", missing=missing)
    found = list(grants(request, policy))
    shown = any(grant.visible for grant in found) or _is_routed_here(request, policy)
    if request.schedule and not shown:
        return Decision(allowed=False, rule="not_here")
    best = max(found, key=lambda grant: grant.role.rank, default=None)
    if best and best.role.allows(request.permission):
        return Decision(allowed=True, rule=best.source)
    return Decision(
        allowed=False, rule=f"needs_{_needed(request.permission)}", missing=_missing(request, policy)
    )


def is_open(who: Requester, policy: AccessPolicy) -> bool:
    """Return whether DingRun works in this conversation. One-to-one chats are judged by their person."""
    return not who.group or any(map(policy.knows, who.conversation_ids))


def _identity_problem(who: Requester) -> str:
    """Name what excludes this person whatever the settings say, or ""."""
    checks = {
        "no_staff_id": not who.person.id,
        "other_organization": who.foreign,
        "forwarded_card": who.forwarded,
    }
    return next((rule for rule, found in checks.items() if found), "")


def grants(request: AccessRequest, policy: AccessPolicy) -> Iterator[Grant]:
    """Yield every role that a member has here for a schedule, or for any schedule.

    - A group shows what is routed to it, and what a rule for this conversation names.
    - A one-to-one chat shows what is routed to the person, and what roles of the person cover.
    - Admins see everything everywhere.
    """
    who, schedule = request.requester, request.schedule
    routed = schedule is None or _is_routed_here(request, policy)
    shown = routed or not who.group
    listed = {Role.ADMIN: policy.admins, Role.OPERATOR: policy.operators, Role.VIEWER: policy.viewers}
    for role, people in listed.items():
        if who.person.id in people:
            yield Grant(role=role, source=f"access.{role}s", visible=shown or role is Role.ADMIN)
    for number, rule in enumerate(policy.rules):
        if _applies(rule, who, schedule):
            role = (
                Role.OPERATOR
                if schedule is None and rule.schedules and rule.role is Role.ADMIN
                else rule.role
            )
            visible = shown or bool(rule.conversations) or rule.role is Role.ADMIN
            source = f"access.rules[{number}]"
            yield Grant(role=role, source=source, visible=visible, schedules=rule.schedules)
    if who.group and not policy.viewers:
        yield Grant(role=Role.VIEWER, source="member", visible=routed)
    elif not who.group and (who.person.id in policy.named if schedule is None else routed):
        yield Grant(role=Role.VIEWER, source="recipient")


def _applies(rule: AccessRule, who: Requester, schedule: Schedule | None) -> bool:
    for_person = not rule.people or who.person.id in rule.people
    here = not rule.conversations or bool(who.conversation_ids & set(rule.conversations))
    return for_person and here and (schedule is None or rule.concerns(schedule))


def _is_routed_here(request: AccessRequest, policy: AccessPolicy) -> bool:
    """Return whether this conversation is told of the runs of the schedule, or has asked for this run."""
    routes = [*(request.schedule.send_to if request.schedule else ()), request.asked_in]
    return any(to is not None and _is_here(to, request.requester, policy) for to in routes)


def _is_here(to: Destination, who: Requester, policy: AccessPolicy) -> bool:
    if to.is_person:
        return not who.group and to.id == who.person.id and to.app == who.app
    groups = policy.webhook_groups.get(to.id, ()) if to.kind is DestinationKind.WEBHOOK else (to.id,)
    return who.group and bool(who.conversation_ids & set(groups))


def _needed(permission: Permission) -> Role:
    return next(role for role in Role if role.allows(permission))


def _missing(request: AccessRequest, policy: AccessPolicy) -> str:
    """Return the line of config.yaml that gives this person the role that is needed.

    The first entry of `viewers` would exclude everybody else, so a rule adds the first viewer.
    """
    needed, people = _needed(request.permission), [request.requester.person.id]
    if needed is Role.VIEWER and not policy.viewers:
        return _line({"rules": [{"people": people, "role": str(needed)}]})
    return _line({f"{needed}s": people})


def access_line(who: Requester, role: Role, policy: AccessPolicy) -> str:
    """Return the line of config.yaml that gives a person a role, and adds the group if it is unknown."""
    section: dict[str, object] = {f"{role}s": [who.person.id]}
    return _line(section if is_open(who, policy) else section | {"conversations": [who.conversation_id]})


def _line(section: Mapping[str, object]) -> str:
    """Write an `access` section in one line, because messages keep neither line breaks nor indents."""
    dumped = yaml.safe_dump(dict(section), default_flow_style=True, width=10_000, allow_unicode=True)
    return f"access: {dumped.strip()}"
