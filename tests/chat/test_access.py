"""Test what one person may see and do in one conversation, and what a refusal tells."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from bot.audit.request import noting
from bot.chat.access import Access
from bot.chat.permissions import AccessPolicy, AccessRule, Permission, Requester, Role
from bot.errors import Refused
from bot.models import AuditEntry, Destination, Person, Run
from cards.escaping import Markup
from cards.render import Cards
from tests.factories import make_audit_entry, make_run, make_schedule

VIEW, OPERATE, ADMIN = Permission.VIEW, Permission.OPERATE, Permission.ADMIN
HERE, ELSEWHERE = Destination.parse("group:cidA"), Destination.parse("group:cidB")
OPEN = AccessPolicy(conversations=("cidA",), operators=("o",))
LISTED = AccessPolicy(conversations=("cidA",), viewers=("v",), operators=("o",))
BACKUP_RULE = AccessRule(role=Role.VIEWER, people=("m",), schedules=("备份*",))
OTHER_ROLE = replace(LISTED, rules=(BACKUP_RULE,))
PATROL = make_schedule(id="s1", name="每日巡检", send_to=(HERE,))
BACKUP = make_schedule(id="s2", name="备份", send_to=(ELSEWHERE,))
ROUTED, HIDDEN = make_run(schedule=PATROL), make_run(schedule=BACKUP)
CARDS = Cards()
ASKED_HERE = make_run(schedule=BACKUP, asked_in=HERE)


def access(
    who: str, permission: Permission = OPERATE, policy: AccessPolicy = OPEN, where: str = "cidA"
) -> Access:
    """Return the access of somebody who is called 孙悦 in a group."""
    person = Person(id=who, name="孙悦")
    requester = Requester(person=person, conversation_id=where, group=True, app="")
    return Access(requester=requester, policy=policy, permission=permission)


def noted(act: Callable[[], None]) -> AuditEntry:
    """Return what the audit knows after an act, whether that was refused or not."""

    async def record(entry: AuditEntry) -> None:
        raise AssertionError("recorded before the answer")

    blank = make_audit_entry(rule="", run_id="", schedule_id="")
    with noting(record, blank) as request, suppress(Refused):
        act()
    return request.entry


def refusal(act: Callable[[], None]) -> str:
    """Return what is said when an act is refused, for the reason that the audit knows."""
    with pytest.raises(Refused) as raised:
        act()
    assert raised.value.rule == noted(act).rule
    return CARDS.reply(raised.value.phrase, **raised.value.values).text


@pytest.mark.parametrize(
    ("run", "who", "rule"),
    [
        (ROUTED, "o", "access.operators"),
        (ASKED_HERE, "o", "access.operators"),
        (HIDDEN, "o", "not_here"),
        (ROUTED, "m", "needs_operator"),
        (ASKED_HERE, "m", "needs_operator"),
        (HIDDEN, "m", "not_here"),
    ],
)
def test_a_run_is_here_if_its_schedule_is_routed_here_or_it_was_asked_for_here(
    run: Run, who: str, rule: str
) -> None:
    here = access(who)
    assert here.sees_run(run) is (rule != "not_here")
    assert here.lacks_role(run) is (rule == "needs_operator")
    for entry in (noted(lambda: here.ensure_run(run)), noted(lambda: here.note_decision(run))):
        assert (entry.run_id, entry.rule, entry.allowed) == (run.id, rule, rule == "access.operators")


@pytest.mark.parametrize(
    ("who", "permission", "may"),
    [("m", VIEW, True), ("m", OPERATE, False), ("o", OPERATE, True), ("o", ADMIN, False)],
)
def test_a_role_here_counts_for_what_is_routed_here_only(who: str, permission: Permission, may: bool) -> None:
    here = access(who)
    assert (here.sees(PATROL), here.sees(BACKUP)) == (True, False)
    assert (here.may(permission, PATROL), here.may(permission, BACKUP)) == (may, False)
    entry = noted(lambda: here.ensure(permission, PATROL))
    assert (entry.allowed, entry.schedule_id) == (may, "s1")
    assert noted(lambda: here.ensure(permission, BACKUP)).rule == "not_here"
    assert noted(lambda: here.ensure(permission)).allowed is may


@pytest.mark.parametrize(
    ("here", "run", "said"),
    [
        (access("m"), ROUTED, "孙悦，你可以查看，但还不能操作。{access.operators 里加上 m，"),
        (access("m"), ASKED_HERE, "孙悦，你可以查看，但还不能操作。{access.operators 里加上 m，"),
        (access("m", policy=LISTED), ROUTED, "孙悦，你在这里还不能操作。{access.operators 里加上 m，"),
        (
            access("m", policy=OTHER_ROLE),
            ROUTED,
            "孙悦，你在这里还不能操作。{access.operators 里加上 m，",
        ),
        (access("m", VIEW, LISTED), ROUTED, "孙悦，你在这里还没有查看权限。{access.viewers 里加上 m，"),
        (access("v", ADMIN, LISTED), ROUTED, "孙悦，这件事只有管理员能做。{access.admins 里加上 v，"),
        (access("o", where="cidC"), ROUTED, "这个会话还没有开通{access.conversations 里加上 cidC，"),
        (access("o"), HIDDEN, "这个计划和这里无关"),
    ],
)
def test_a_refusal_says_to_whom_what_is_refused_and_which_setting_changes_it(
    here: Access, run: Run, said: str
) -> None:
    beginning, _, setting = said.partition("{")
    text = refusal(lambda: here.ensure_run(run))
    assert text.startswith(beginning)
    assert setting in text


def test_the_first_viewer_is_added_by_a_rule_because_a_list_excludes_all_others() -> None:
    alone = Requester(person=Person(id="m"), conversation_id="cid1:1", group=False, app="")
    for policy, setting in ((OPEN, "access.rules 里加上 m"), (LISTED, "access.viewers 里加上 m")):
        chat = Access(requester=alone, policy=policy, permission=VIEW)
        assert setting in refusal(lambda: chat.ensure(VIEW))  # noqa: B023 - called at once


@pytest.mark.parametrize(
    ("staff_id", "where", "line"),
    [
        ("0147", "cidA", "access: {operators: ['0147']}"),
        ("m", "cidA/b+c==", "access: {conversations: [cidA/b+c==], operators: [m]}"),
    ],
)
def test_a_line_for_the_settings_can_be_copied_as_it_is(staff_id: str, where: str, line: str) -> None:
    shown = access(staff_id, where=where).line(Role.OPERATOR)
    assert (shown, type(shown)) == (line, Markup)


@pytest.mark.parametrize("staff_id", ["<@all>", "**m**", "工号"])
def test_an_id_that_could_be_markup_is_escaped_wherever_the_line_is_shown(staff_id: str) -> None:
    here = access(staff_id)
    with pytest.raises(Refused) as refused:
        here.ensure(OPERATE)
    for line in (here.line(Role.OPERATOR), refused.value.missing):
        assert staff_id in line
        assert not isinstance(line, Markup)
