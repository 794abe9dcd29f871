"""Who may do what; closed by default."""

import pytest

from bot.chat.permissions import Act, Rules, may
from bot.models import Person

MEMBER, OPERATOR, VIEWER, OUTSIDER = (Person(id=id_) for id_ in ("m", "o", "v", ""))
OPEN, CLOSED = Rules(), Rules(operators=("o",), viewers=("v",), conversations=("cidA",))


@pytest.mark.parametrize(
    ("person", "conversation", "act", "rules", "allowed"),
    [
        (MEMBER, "any", Act.OPERATE, OPEN, True),
        (OUTSIDER, "any", Act.VIEW, OPEN, False),
        (OUTSIDER, "cidA", Act.VIEW, CLOSED, False),
        (OPERATOR, "cidA", Act.OPERATE, CLOSED, True),
        (OPERATOR, "cidA", Act.VIEW, CLOSED, True),
        (VIEWER, "cidA", Act.VIEW, CLOSED, True),
        (VIEWER, "cidA", Act.OPERATE, CLOSED, False),
        (MEMBER, "cidA", Act.VIEW, CLOSED, False),
        (OPERATOR, "cidB", Act.OPERATE, CLOSED, False),
        (MEMBER, "any", Act.VIEW, Rules(operators=("o",)), True),
        (MEMBER, "any", Act.OPERATE, Rules(operators=("o",)), False),
        (VIEWER, "any", Act.OPERATE, Rules(viewers=("v",)), True),
        (MEMBER, "any", Act.OPERATE, Rules(viewers=("v",)), False),
        (OUTSIDER, "any", Act.VIEW, Rules(viewers=("",)), False),
        (MEMBER, "cidA", Act.OPERATE, Rules(conversations=("cidA",)), True),
        (MEMBER, "", Act.VIEW, Rules(conversations=("cidA",)), False),
    ],
)
def test_who_may_do_what(person: Person, conversation: str, act: Act, rules: Rules, allowed: bool) -> None:
    assert may(person, conversation, act, rules) is allowed
