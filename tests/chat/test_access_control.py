"""Test that only taps by known members of our organisation, on cards that we sent, are accepted."""

from dataclasses import replace

import pytest

from bot.audit.reader import AuditReader
from bot.chat.permissions import AccessPolicy, AccessRule, Role
from bot.delivery.plan import card_id
from bot.errors import PermanentError, TemporaryError
from bot.models import CardTap, Destination, Person, Run
from bot.stores.sqlite.audit import SqliteAudit
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_message, make_schedule

STRANGER = Person(id="nobody-we-know")


async def starts_run(core: CoreHarness, tap: CardTap) -> bool:
    """Tap a card, and return whether that starts a run."""
    before = len(await core.store.find_runs())
    assert await core.intake.receive_tap(tap)
    await core.do_jobs()
    return len(await core.store.find_runs()) > before


def tap_by(run: Run, user: Person, **changes: str) -> CardTap:
    tap = CardTap(card_id=card_id(run.id, GROUP), action="rerun", user=user, conversation_id="cidA")
    return replace(tap, **changes)  # type: ignore[arg-type]


async def test_an_unknown_person_must_send_a_message_first(core: CoreHarness) -> None:
    everybody = AccessRule(role=Role.OPERATOR, conversations=("cidA",))
    core.access_policy = AccessPolicy(rules=(everybody,))
    core.build()
    run = await core.finished_run()
    assert "先跟我" in "".join((await core.intake.receive_tap(tap_on(run.id, user=STRANGER))).values())
    assert not await starts_run(core, tap_by(run, STRANGER))
    await core.say("帮助", sender=STRANGER)
    assert await starts_run(core, tap_by(run, STRANGER))


@pytest.mark.parametrize(
    "policy",
    [
        AccessPolicy(operators=(STRANGER.id,)),
        AccessPolicy(admins=(STRANGER.id,)),
        AccessPolicy(rules=(AccessRule(role=Role.OPERATOR, people=(STRANGER.id,)),)),
        AccessPolicy(rules=(AccessRule(role=Role.OPERATOR, conversations=("cidA",)),), named=(STRANGER.id,)),
    ],
)
async def test_people_in_the_settings_may_tap_without_a_message(
    core: CoreHarness, policy: AccessPolicy
) -> None:
    core.access_policy = policy
    core.build()
    assert await starts_run(core, tap_by(await core.finished_run(), STRANGER))


@pytest.mark.parametrize(("corp", "counts"), [("dingours", True), ("dingtheirs", False), ("", False)])
async def test_the_same_id_in_another_organisation_is_somebody_else(
    core: CoreHarness, corp: str, counts: bool
) -> None:
    run = await core.finished_run()
    await core.hear(make_message("帮助", corp_id="dingours"))
    assert await starts_run(core, tap_by(run, Person(id="user01"), corp_id=corp)) is counts


async def test_the_organisation_is_that_of_the_robot_pressed_and_outlives_a_restart(
    core: CoreHarness,
) -> None:
    run = await core.finished_run()
    await core.hear(make_message("帮助", corp_id="dingours"))
    await core.context.people.users.record_message(make_message(corp_id="dingsecond", app="second"))
    core.build()
    assert not await starts_run(core, tap_by(run, Person(id="user01"), corp_id="dingsecond"))
    assert await starts_run(core, tap_by(run, Person(id="user01"), corp_id="dingsecond", app="second"))


async def test_a_card_that_we_never_issued_is_unknown(core: CoreHarness) -> None:
    run = await core.finished_run()
    other = card_id(run.id, Destination.parse("group:cidElsewhere"))
    tap = CardTap(card_id=other, action="rerun", user=Person(id="user01"), conversation_id="cidElsewhere")
    assert not await starts_run(core, tap)


async def test_the_audit_tells_strangers_from_unknown_cards(core: CoreHarness) -> None:
    run = await core.finished_run()
    unknown = card_id(run.id, Destination.parse("group:cidElsewhere"))
    for tap in (tap_by(run, STRANGER), tap_by(run, Person(id="user01"), card_id=unknown)):
        await core.intake.receive_tap(tap)
    entries = await AuditReader(SqliteAudit(core.store)).find()
    assert [entry.rule for entry in entries] == ["unknown_card", "never_spoke"]


async def run_for(core: CoreHarness, destination: str) -> Run:
    """Return an ended run of the only schedule, which notifies one person."""
    core.apps["second"] = core.messenger
    core.build()
    to = (Destination.parse(destination),)
    run = await core.trigger(make_schedule(id="s9", name="私下备份", notify_enable=True, send_to=to))
    await core.finish()
    core.engine.known[:] = [run.schedule]
    return run


async def test_a_card_for_one_person_counts_for_nobody_else(core: CoreHarness) -> None:
    run = await run_for(core, "user:user01")
    card = card_id(run.id, Destination.parse("user:user01"))
    assert not await starts_run(core, tap_by(run, Person(id="user02"), card_id=card, conversation_id="cid1"))
    assert await starts_run(core, tap_by(run, Person(id="user01"), card_id=card, conversation_id="cid1"))


@pytest.mark.parametrize(("app", "seen"), [("second", True), ("", False)])
async def test_a_person_sees_what_the_app_of_the_chat_notifies(
    core: CoreHarness, app: str, seen: bool
) -> None:
    member = Person(id="user03")
    core.access_policy = AccessPolicy(named=(member.id,))
    run = await run_for(core, "user:user03#second")
    card = card_id(run.id, Destination.parse("user:user03#second"))
    said = await core.say("计划", sender=member, group=False, conversation_id="cid3", app=app)
    assert ("私下备份" in said) is seen
    tips = await core.intake.receive_tap(tap_by(run, member, card_id=card, app=app, action="report"))
    assert ("和这里无关" not in "".join(tips.values())) is seen


async def test_who_has_no_role_is_told_on_a_card_which_one_is_missing(
    core: CoreHarness,
) -> None:
    core.access_policy = AccessPolicy(viewers=("user02",), operators=("user02",))
    core.build()
    run = await core.finished_run()
    await core.say("帮助", sender=Person(id="user04", name="孙悦"))
    shown = "".join((await core.intake.receive_tap(tap_on(run.id, user=Person(id="user04")))).values())
    assert shown.startswith("你在这里还不能操作。要开通，请管理员在 config.yaml 的 access.operators")


async def test_nobody_is_advised_to_give_a_role_to_a_stranger(core: CoreHarness) -> None:
    core.access_policy = AccessPolicy(operators=("user02",))
    core.build()
    run = await core.finished_run()
    shown = "".join((await core.intake.receive_tap(tap_on(run.id, user=STRANGER))).values())
    assert "先跟我" in shown
    assert STRANGER.id not in shown


@pytest.mark.parametrize("conversation", ["cidB", "", "cidElsewhere"])
async def test_a_forwarded_card_does_nothing_and_says_so_to_the_tapper(
    core: CoreHarness, conversation: str
) -> None:
    run = await core.finished_run()
    tap = replace(tap_by(run, Person(id="user01")), conversation_id=conversation)
    assert "转发" in "".join((await core.intake.receive_tap(tap)).values())
    assert not await starts_run(core, tap)


async def test_a_sender_of_another_organisation_is_refused_and_not_remembered(core: CoreHarness) -> None:
    foreigner = Person(id="user09", name="外人")
    answer = await core.say("我是谁", sender=foreigner, corp_id="dingours", sender_corp_id="dingtheirs")
    assert "本组织" in answer
    assert not await core.context.people.users.is_known("user09")


@pytest.fixture
def old(core: CoreHarness) -> CoreHarness:
    """Return a core whose settings name the group by its old chatId only."""
    core.messenger.old_ids["chatold"] = "cidNew=="
    to = Destination.parse("group:chatold")
    core.schedule = make_schedule(notify_enable=True, send_to=(to,))
    core.engine.known[:] = [core.schedule]
    core.default_chat_id = "chatold"
    core.build()
    return core


async def test_a_group_that_the_settings_name_by_its_chat_id_is_known(old: CoreHarness) -> None:
    assert "开始重跑" in await old.say("重跑", conversation_id="cidNew==")
    assert "每日巡检" in await old.say("计划", conversation_id="cidNew==")
    assert old.messenger.verbs().count("convert") == 1


async def test_a_card_in_such_a_group_can_be_tapped(old: CoreHarness) -> None:
    run = await old.finished_run()
    tap = CardTap(
        card_id=card_id(run.id, Destination.parse("group:chatold")),
        action="rerun",
        user=Person(id="user01"),
        conversation_id="cidNew==",
    )
    assert await starts_run(old, tap)


async def test_no_chat_with_the_robot_waits_for_the_chat_ids_of_groups(old: CoreHarness) -> None:
    old.messenger.trouble_with["convert"] = [TemporaryError("DingTalk is down")] * 9
    old.schedule = make_schedule(notify_enable=True, send_to=(Destination.parse("user:user01"),))
    run = await old.finished_run()
    card = card_id(run.id, Destination.parse("user:user01"))
    assert await starts_run(old, tap_by(run, Person(id="user01"), card_id=card, conversation_id="cid1"))
    await old.say("状态", group=False, conversation_id="cid1")
    assert "convert" not in old.messenger.verbs()


async def test_the_converted_id_outlives_a_restart(old: CoreHarness) -> None:
    await old.say("计划", conversation_id="cidNew==")
    old.build()
    await old.say("计划", conversation_id="cidNew==")
    assert old.messenger.verbs().count("convert") == 1


async def test_a_chat_id_that_dingtalk_does_not_know_is_no_group(old: CoreHarness) -> None:
    old.messenger.trouble_with["convert"] = [PermanentError("no such chat")]
    assert "没有开通" in await old.say("计划", conversation_id="cidNew==")
