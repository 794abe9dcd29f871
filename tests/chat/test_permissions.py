"""Test who may do what, and what the answer says is missing."""

import pytest
import yaml

from bot.chat.permissions import (
    AccessPolicy,
    AccessRequest,
    AccessRule,
    Decision,
    Permission,
    Requester,
    Role,
    decide,
)
from bot.models import Destination, Person, Schedule
from tests.factories import make_schedule

VIEW, OPERATE, ADMIN = Permission.VIEW, Permission.OPERATE, Permission.ADMIN
GROUPS = ("cidA", "cidB")
EMPTY = AccessPolicy(conversations=GROUPS)
LISTED = AccessPolicy(conversations=GROUPS, admins=("a",), operators=("o",), viewers=("v",))
WITH_ROBOT = AccessPolicy(conversations=GROUPS, webhook_groups={"ops": ("cidA",)})
PATROL = make_schedule(id="s1", name="每日巡检", send_to=(Destination.parse("group:cidA"),))
BACKUP = make_schedule(id="s2", name="备份 一", send_to=(Destination.parse("group:cidB"),))
PRIVATE = make_schedule(id="s3", name="私下", send_to=(Destination.parse("user:m"),))
BY_ROBOT = make_schedule(id="s4", name="机器人", send_to=(Destination.parse("webhook:ops"),))


def asks(
    who: str, where: str, permission: Permission = VIEW, schedule: Schedule | None = None
) -> AccessRequest:
    """Return what a person asks in a group, or with `where` empty, in the chat with the robot."""
    conversation = where or f"cid1:1{who}"
    requester = Requester(person=Person(id=who), conversation_id=conversation, group=bool(where), app="")
    return AccessRequest(requester=requester, permission=permission, schedule=schedule)


def by_rule(role: Role = Role.OPERATOR, **rule: tuple[str, ...]) -> AccessPolicy:
    return AccessPolicy(conversations=GROUPS, rules=(AccessRule(role=role, **rule),))


@pytest.mark.parametrize(
    ("request_", "policy", "rule"),
    [
        (asks("m", "cidA", VIEW, PATROL), EMPTY, "member"),
        (asks("m", "cidA", OPERATE, PATROL), EMPTY, "needs_operator"),
        (asks("m", "cidA", OPERATE), EMPTY, "needs_operator"),
        (asks("m", "cidC", VIEW), EMPTY, "unknown_conversation"),
        (asks("a", "cidC", VIEW), LISTED, "unknown_conversation"),
        (asks("m", "", VIEW), EMPTY, "needs_viewer"),
        (asks("m", "", VIEW, PRIVATE), EMPTY, "recipient"),
        (asks("m", "", OPERATE, PRIVATE), EMPTY, "needs_operator"),
        (asks("", "cidA", VIEW), EMPTY, "no_staff_id"),
        (asks("", "cidA", Permission.IDENTIFY), EMPTY, "no_staff_id"),
        (asks("m", "cidC", Permission.IDENTIFY), EMPTY, "member"),
        (asks("m", "cidA", VIEW), LISTED, "needs_viewer"),
        (asks("v", "cidA", VIEW, PATROL), LISTED, "access.viewers"),
        (asks("v", "cidA", OPERATE, PATROL), LISTED, "needs_operator"),
        (asks("o", "cidA", OPERATE, PATROL), LISTED, "access.operators"),
        (asks("o", "", OPERATE, BACKUP), LISTED, "access.operators"),
        (asks("o", "cidA", ADMIN), LISTED, "needs_admin"),
        (asks("a", "cidA", ADMIN), LISTED, "access.admins"),
    ],
)
def test_roles(request_: AccessRequest, policy: AccessPolicy, rule: str) -> None:
    decision = decide(request_, policy)
    assert (decision.rule, decision.allowed) == (rule, not rule.startswith(("needs", "no_", "unknown")))


@pytest.mark.parametrize(
    ("request_", "policy", "seen"),
    [
        (asks("m", "cidA", VIEW, BACKUP), EMPTY, False),
        (asks("o", "cidA", OPERATE, BACKUP), LISTED, False),
        (asks("a", "cidA", OPERATE, BACKUP), LISTED, True),
        (asks("m", "cidA", VIEW, PRIVATE), EMPTY, False),
        (asks("n", "", VIEW, PRIVATE), EMPTY, False),
        (asks("m", "cidA", VIEW, BY_ROBOT), EMPTY, False),
        (asks("m", "cidA", VIEW, BY_ROBOT), WITH_ROBOT, True),
    ],
)
def test_a_conversation_sees_what_is_routed_to_it(
    request_: AccessRequest, policy: AccessPolicy, seen: bool
) -> None:
    assert decide(request_, policy).allowed is seen


@pytest.mark.parametrize(
    ("request_", "policy", "allowed"),
    [
        (asks("m", "cidA", OPERATE, PATROL), by_rule(people=("m",)), True),
        (asks("n", "cidA", OPERATE, PATROL), by_rule(people=("m",)), False),
        (asks("n", "cidA", OPERATE, PATROL), by_rule(conversations=("cidA",)), True),
        (asks("n", "cidB", OPERATE, BACKUP), by_rule(conversations=("cidA",)), False),
        (asks("n", "cidB", OPERATE, BACKUP), by_rule(conversations=("cidB",), schedules=("备份*",)), True),
        (asks("n", "cidA", OPERATE, PATROL), by_rule(conversations=("cidA",), schedules=("备份*",)), False),
        (asks("n", "cidA", VIEW, BACKUP), by_rule(conversations=("cidA",), schedules=("备份*",)), True),
        (asks("m", "cidB", OPERATE, BACKUP), by_rule(people=("m",), schedules=("S2",)), True),
        (asks("m", "cidA", VIEW, BACKUP), by_rule(people=("m",), schedules=("备份*",)), False),
        (asks("m", "", OPERATE, BACKUP), by_rule(people=("m",), schedules=("备份*",)), True),
        (asks("m", "", VIEW, PATROL), by_rule(people=("m",), schedules=("备份*",)), False),
        (asks("m", "cidC", VIEW), by_rule(conversations=("cidC",)), True),
        (asks("m", "cidA", ADMIN), by_rule(Role.ADMIN, people=("m",), schedules=("备份*",)), False),
        (asks("m", "cidA", ADMIN), by_rule(Role.ADMIN, people=("m",)), True),
    ],
)
def test_rules_give_roles_by_person_conversation_and_schedule(
    request_: AccessRequest, policy: AccessPolicy, allowed: bool
) -> None:
    assert decide(request_, policy).allowed is allowed


@pytest.mark.parametrize(
    ("request_", "policy", "section"),
    [
        (asks("m", "cidC"), EMPTY, {"conversations": ["cidC"]}),
        (asks("0147", "cidA", OPERATE, PATROL), EMPTY, {"operators": ["0147"]}),
        (asks("m", "cidA", OPERATE, PATROL), LISTED, {"operators": ["m"]}),
        (asks("m", "cidA", ADMIN), EMPTY, {"admins": ["m"]}),
        (asks("m", "cidA"), LISTED, {"viewers": ["m"]}),
        (asks("m", ""), EMPTY, {"rules": [{"people": ["m"], "role": "viewer"}]}),
        (asks("m" * 60, ""), EMPTY, {"rules": [{"people": ["m" * 60], "role": "viewer"}]}),
    ],
)
def test_a_refusal_says_which_line_is_missing(
    request_: AccessRequest, policy: AccessPolicy, section: object
) -> None:
    missing = decide(request_, policy).missing
    assert yaml.safe_load(missing) == {"access": section}
    assert "\n" not in missing


def test_the_line_shows_letters_as_they_are_written() -> None:
    assert decide(asks("工号1", "cidA", OPERATE), EMPTY).missing == "access: {operators: [工号1]}"


@pytest.mark.parametrize("who", ["o", "m"])
def test_what_is_hidden_is_refused_without_a_hint(who: str) -> None:
    assert decide(asks(who, "cidA", OPERATE, BACKUP), LISTED) == Decision(allowed=False, rule="not_here")
