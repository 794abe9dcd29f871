"""Test who may do what."""

import pytest

from bot.chat.permissions import AccessPolicy, Permission, is_allowed
from bot.models import Person

MEMBER, OPERATOR, VIEWER, OUTSIDER = (Person(id=id_) for id_ in ("m", "o", "v", ""))
OPEN, CLOSED = AccessPolicy(), AccessPolicy(operators=("o",), viewers=("v",), conversations=("cidA",))


@pytest.mark.parametrize(
    ("person", "conversation", "permission", "policy", "allowed"),
    [
        (MEMBER, "any", Permission.OPERATE, OPEN, True),
        (OUTSIDER, "any", Permission.VIEW, OPEN, False),
        (OUTSIDER, "cidA", Permission.VIEW, CLOSED, False),
        (OPERATOR, "cidA", Permission.OPERATE, CLOSED, True),
        (OPERATOR, "cidA", Permission.VIEW, CLOSED, True),
        (VIEWER, "cidA", Permission.VIEW, CLOSED, True),
        (VIEWER, "cidA", Permission.OPERATE, CLOSED, False),
        (MEMBER, "cidA", Permission.VIEW, CLOSED, False),
        (OPERATOR, "cidB", Permission.OPERATE, CLOSED, False),
        (MEMBER, "any", Permission.VIEW, AccessPolicy(operators=("o",)), True),
        (MEMBER, "any", Permission.OPERATE, AccessPolicy(operators=("o",)), False),
        (VIEWER, "any", Permission.OPERATE, AccessPolicy(viewers=("v",)), True),
        (MEMBER, "any", Permission.OPERATE, AccessPolicy(viewers=("v",)), False),
        (OUTSIDER, "any", Permission.VIEW, AccessPolicy(viewers=("",)), False),
        (MEMBER, "cidA", Permission.OPERATE, AccessPolicy(conversations=("cidA",)), True),
        (MEMBER, "", Permission.VIEW, AccessPolicy(conversations=("cidA",)), False),
    ],
)
def test_who_may_do_what(
    person: Person, conversation: str, permission: Permission, policy: AccessPolicy, allowed: bool
) -> None:
    assert is_allowed(person, conversation, permission, policy) is allowed
