"""Test every command and every button as each role. New ones are covered without a change here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from bot.audit.reader import AuditReader
from bot.chat.permissions import AccessPolicy, AccessRule, Permission, Role
from bot.delivery.plan import card_id
from bot.models import AuditEntry, AuditOutcome, CardTap, Destination, Person, Run
from bot.stores.sqlite.audit import SqliteAudit
from handlers import router
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_message, make_schedule

CORP = "dingours"
POLICY = AccessPolicy(
    admins=("admin01",),
    operators=("operator01",),
    rules=(AccessRule(role=Role.OPERATOR, people=("backup01",), schedules=("机密*",)),),
    conversations=("cidA", "cidB"),
)
HIDDEN = make_schedule(
    id="s9",
    name="机密备份",
    notify_enable=True,
    send_to=(Destination.parse("group:cidB"),),
    targets=("192.0.2.99",),
)


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Somebody who says or taps something, and the role of that person there.

    `role` is that for the schedule of the group, `best` the highest for any schedule.
    """

    role: Role
    best: Role = Role.NONE
    staff_id: str
    conversation: str = "cidA"
    corp: str = CORP
    member: bool = True
    group: bool = True

    @property
    def person(self) -> Person:
        return Person(id=self.staff_id, name="某人")

    def may(self, permission: Permission) -> bool:
        return self.member and self.role.allows(permission)


PEOPLE = {
    "a stranger": Asker(role=Role.NONE, staff_id="", member=False),
    "another organization": Asker(role=Role.NONE, staff_id="operator01", corp="dingtheirs", member=False),
    "an operator in an unknown group": Asker(role=Role.NONE, staff_id="operator01", conversation="cidNew"),
    "an admin in an unknown group": Asker(role=Role.NONE, staff_id="admin01", conversation="cidNew"),
    "a member in a chat with the robot": Asker(
        role=Role.NONE, staff_id="member01", conversation="cidOto1", group=False
    ),
    "an operator in a chat with the robot": Asker(
        role=Role.OPERATOR, staff_id="operator01", conversation="cidOto2", group=False
    ),
    "a viewer": Asker(role=Role.VIEWER, staff_id="member01"),
    "an operator of another schedule": Asker(role=Role.VIEWER, best=Role.OPERATOR, staff_id="backup01"),
    "an operator": Asker(role=Role.OPERATOR, staff_id="operator01"),
    "an admin": Asker(role=Role.ADMIN, staff_id="admin01"),
}
TAPPERS = {name: who for name, who in PEOPLE.items() if who.conversation == "cidA"} | {
    "an operator on a forwarded card": Asker(
        role=Role.NONE, staff_id="operator01", conversation="cidB", member=False
    )
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A schedule of this group and one of another group, each with an ended run."""

    core: CoreHarness
    here: Run
    hidden: Run

    async def state(self) -> Mapping[str, object]:
        """Return all that a request could change, and the jobs that it could cause."""
        core = self.core
        jobs = await core.store.find_jobs(limit=1_000)
        return {
            "runs": await core.store.find_runs(limit=0),
            "jobs": {job.id for job in jobs if job.kind not in {"message", "tap"}},
            "overrides": await core.context.delivery.overrides.all(),
            "links": [await core.context.reports.links.count(run.id) for run in (self.here, self.hidden)],
        }

    async def say(self, asker: Asker, text: str) -> str:
        message = make_message(
            text, sender=asker.person, conversation_id=asker.conversation, group=asker.group
        )
        await self.core.hear(replace(message, corp_id=CORP, sender_corp_id=asker.corp))
        return self.core.answer()

    async def tap(self, asker: Asker, action: str) -> str:
        tap = CardTap(
            card_id=card_id(self.here.id, GROUP),
            action=action,
            user=asker.person,
            conversation_id=asker.conversation,
            corp_id=asker.corp,
        )
        shown = "".join((await self.core.intake.receive_tap(tap)).values())
        await self.core.do_jobs()
        return shown

    async def entry(self) -> AuditEntry:
        """Return the newest entry of the audit."""
        return (await AuditReader(SqliteAudit(self.core.store)).find(limit=1))[0]

    def tells(self, answer: str) -> bool:
        """Return whether an answer tells anything of a schedule or a run."""
        return any(text in answer for text in (self.here.id, "每日巡检", self.hidden.id, "机密备份"))


@pytest.fixture
async def scene(core: CoreHarness) -> Scene:
    core.access_policy = POLICY
    core.engine.known.append(HIDDEN)
    core.build()
    hidden = await core.trigger(HIDDEN, cause="cron:s9:now")
    await core.finish()
    here = await core.finished_run()
    for who in PEOPLE.values():
        await core.context.people.users.record(who.person)
    await core.context.people.users.record_message(make_message(corp_id=CORP))
    core.clock.turn(seconds=1_200)
    return Scene(core=core, here=here, hidden=await core.run(hidden.id))


@pytest.mark.parametrize("who", PEOPLE)
async def test_commands_are_obeyed_by_role(scene: Scene, who: str) -> None:
    asker = PEOPLE[who]
    for command in router.commands:
        may = asker.may(command.permission)
        for argument in ("", "每日巡检"):
            before = None if may else await scene.state()
            answer = await scene.say(asker, f"{command.words[0]} {argument}")
            entry = await scene.entry()
            assert entry.allowed or not may, (command.words[1], answer)
            assert may or await scene.state() == before, command.words[1]
            if not may and not asker.best.allows(command.permission):
                assert (entry.allowed, entry.outcome) == (False, AuditOutcome.REFUSED), command.words[1]
                assert not scene.tells(answer), command.words[1]
            scene.core.clock.turn(seconds=600)  # what one person may ask for in an hour has a limit


@pytest.mark.parametrize("who", ["a viewer", "an operator of another schedule", "an operator"])
async def test_a_group_never_sees_what_is_routed_elsewhere(scene: Scene, who: str) -> None:
    hidden = scene.hidden.id
    for command in router.commands:
        before = await scene.state()
        for argument in ("机密", hidden, hidden[:6]):
            answer = await scene.say(PEOPLE[who], f"{command.words[0]} {argument}")
            told = answer.replace(hidden, "", 1)
            assert all(secret not in told for secret in ("机密备份", hidden, "192.0.2.99")), command.words[1]
            assert await scene.state() == before, command.words[1]
        shown = await scene.say(PEOPLE[who], command.words[0])
        assert all(secret not in shown for secret in ("机密备份", hidden, "192.0.2.99")), command.words[1]
        scene.core.clock.turn(seconds=600)


@pytest.mark.parametrize("who", TAPPERS)
async def test_buttons_are_obeyed_by_role(scene: Scene, who: str) -> None:
    asker = TAPPERS[who]
    for button in router.buttons.values():
        before = await scene.state()
        shown = await scene.tap(asker, button.action)
        entry = await scene.entry()
        assert entry.allowed is asker.may(button.permission), (button.action, shown)
        if not entry.allowed:
            assert not scene.tells(shown), button.action
            assert await scene.state() == before, button.action
        scene.core.clock.turn(seconds=600)


async def test_the_person_who_taps_counts_not_the_one_who_asked_for_the_run(scene: Scene) -> None:
    await scene.say(PEOPLE["an operator"], "重跑 每日巡检")
    await scene.core.finish()
    run = (await scene.core.store.find_runs(limit=1))[0]
    mine = replace(scene, here=run)
    assert "operators" in await mine.tap(PEOPLE["a viewer"], "rerun")
