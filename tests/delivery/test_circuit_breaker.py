"""The circuit breaker of cards, messages and destinations."""

from collections.abc import Sequence

import pytest

from bot.delivery.plan import card_id
from bot.errors import PermanentError, TemporaryError
from bot.models import Destination, PushStatus
from bot.telemetry.rescues import Rescue
from tests.conftest import GROUP, CoreHarness

OPERATOR = Destination.parse("user:boss")
ROBOT = Destination.parse("webhook:ops")
SCOPE = PermanentError("scope missing", code="AccessTokenPermissionDenied")
GONE = PermanentError("the robot is not in this group", code="robot.notExist")


def alerts(core: CoreHarness, destination: Destination = OPERATOR) -> Sequence[str]:
    return [what for verb, where, what in core.messenger.sent if (verb, where) == ("note", str(destination))]


async def another_run(core: CoreHarness, hours: float = 0) -> None:
    core.clock.turn(seconds=hours * 3600 + 1)
    await core.finished_run()


@pytest.mark.rescue(Rescue.BREAKER_OPENED)
async def test_a_rejected_card_becomes_a_message_and_the_operator_is_alerted_once(core: CoreHarness) -> None:
    core.operators = (OPERATOR,)
    core.build()
    core.messenger.trouble = [SCOPE]
    await another_run(core)
    await another_run(core)
    assert len(alerts(core, GROUP)) == 2
    assert len(alerts(core)) == 1
    assert "scope missing" in alerts(core)[0]


async def test_no_card_is_tried_while_the_breaker_is_open(core: CoreHarness) -> None:
    core.messenger.trouble = [SCOPE]
    await another_run(core)
    await another_run(core)
    assert core.messenger.cards == {}


@pytest.mark.rescue(Rescue.BREAKER_CLOSED)
async def test_a_card_that_is_accepted_after_an_hour_closes_the_breaker(core: CoreHarness) -> None:
    core.operators = (OPERATOR,)
    core.build()
    core.messenger.trouble = [SCOPE]
    await another_run(core)
    await another_run(core, hours=1)
    assert len(core.messenger.cards) == 1
    assert [("又能发到" in what) for what in alerts(core)] == [False, True]


async def test_operators_are_alerted_again_when_it_opens_again(core: CoreHarness) -> None:
    core.operators = (OPERATOR,)
    core.build()
    core.messenger.trouble = [SCOPE]
    await another_run(core)
    await another_run(core, hours=1)
    core.messenger.trouble = [SCOPE]
    await another_run(core)
    assert len(alerts(core)) == 3


async def test_operators_are_alerted_once_however_often_it_is_probed(core: CoreHarness) -> None:
    core.operators = (OPERATOR,)
    core.build()
    for _ in range(3):
        core.messenger.trouble = [SCOPE]
        await another_run(core, hours=1)
    assert len(alerts(core)) == 1


async def test_without_cards_and_messages_the_robot_beside_speaks(core: CoreHarness) -> None:
    core.fallback_webhooks = {str(GROUP): ROBOT}
    core.build()
    core.messenger.trouble = [SCOPE, GONE]
    run = await core.finished_run()
    assert [where for verb, where, _ in core.messenger.sent if verb == "note"] == [str(ROBOT)]
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


async def test_the_fallback_webhook_is_used_at_once_while_messages_are_rejected(core: CoreHarness) -> None:
    core.fallback_webhooks = {str(GROUP): ROBOT}
    core.build()
    core.messenger.trouble = [SCOPE, GONE]
    await another_run(core)
    await another_run(core)
    assert len(alerts(core, ROBOT)) == 2
    assert core.messenger.trouble == []


async def test_a_lost_answer_of_the_robot_beside_is_repeated_and_not_unconfirmed(core: CoreHarness) -> None:
    core.fallback_webhooks = {str(GROUP): ROBOT}
    core.build()
    core.messenger.trouble = [SCOPE, GONE, TemporaryError("no answer", uncertain=True)]
    run = await core.finished_run()
    core.clock.turn(seconds=10)
    await core.do_jobs()
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


async def test_rejected_content_does_not_open_the_breaker_and_plain_text_is_sent(core: CoreHarness) -> None:
    core.messenger.trouble = [PermanentError("contain.notAllowed.text", content=True)] * 2
    run = await core.finished_run()
    (said,) = alerts(core, GROUP)
    assert "审核" in said
    assert run.schedule_name not in said
    await another_run(core)
    assert len(core.messenger.cards) == 1


async def test_a_message_that_nobody_takes_is_an_error_and_can_be_sent_again(core: CoreHarness) -> None:
    core.messenger.trouble = [SCOPE, GONE]
    run = await core.finished_run()
    assert run.push_status is PushStatus.ERROR
    core.clock.turn(seconds=3601)
    await core.say(f"重发 {run.id}")
    await core.do_jobs()
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


@pytest.mark.rescue(Rescue.MESSAGE_FOR_CARD)
async def test_a_crash_between_a_dead_card_and_its_message_is_repaired(core: CoreHarness) -> None:
    run = await core.trigger()
    core.messenger.trouble = [TemporaryError("busy")] * 99
    await core.finish()
    for _ in range(30):
        core.clock.turn(seconds=800)
        await core.jobs.run_due(["card"])
    core.messenger.trouble = []
    core.build()
    await core.reconciler.run()
    await core.do_jobs()
    assert len(alerts(core, GROUP)) == 1
    assert card_id(run.id, GROUP) not in core.messenger.cards


async def test_a_store_error_after_a_message_was_sent_does_not_repeat_it(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.messenger.trouble = [SCOPE]
    recall, sent = core.store.find_value, core.messenger.sent

    async def fails(key: str) -> str | None:
        if sent and key.startswith("fallen:message"):
            raise TemporaryError("the store cannot do it now")
        return await recall(key)

    monkeypatch.setattr(core.store, "find_value", fails)
    run = await core.finished_run()
    core.clock.turn(seconds=10)
    await core.do_jobs()
    assert len(alerts(core, GROUP)) == 1
    assert run.push_status is PushStatus.SUCCESS


NOT_IN_GROUP = PermanentError("the robot is not in the group", setup_fault="robot_not_in_group")


async def unreachable(core: CoreHarness, *, refusals: int = 1) -> None:
    """A group that the robot is not in; more than so many requests to it would be taken."""
    core.operators = (OPERATOR,)
    core.build()
    core.messenger.trouble = [NOT_IN_GROUP] * refusals
    await another_run(core)


def requests_to_group(core: CoreHarness) -> Sequence[str]:
    return [verb for verb, where, _ in core.messenger.sent if where == str(GROUP) or verb == "upload"]


async def test_a_fault_of_set_up_costs_one_request_and_not_one_for_each_kind_of_message(
    core: CoreHarness,
) -> None:
    await unreachable(core)
    await another_run(core)
    assert requests_to_group(core) == []
    assert core.messenger.trouble == []
    assert [run.push_status for run in await core.store.find_runs()] == [PushStatus.ERROR] * 2


async def test_operators_are_alerted_of_a_setup_fault_once_with_its_remedy(core: CoreHarness) -> None:
    await unreachable(core)
    for _ in range(3):
        core.messenger.trouble = [NOT_IN_GROUP]
        await another_run(core, hours=1)
    (said,) = alerts(core)
    assert "机器人不在这个群里" in said
    assert "加进群" in said


async def test_after_an_hour_one_job_probes_the_destination(core: CoreHarness) -> None:
    await unreachable(core)
    core.messenger.trouble = [NOT_IN_GROUP]
    await another_run(core, hours=1)
    await another_run(core)
    assert (requests_to_group(core), core.messenger.trouble) == ([], [])
    await another_run(core, hours=1)
    await another_run(core)
    assert requests_to_group(core) == ["card", "upload", "file"] * 2
    assert "又能发到" in alerts(core)[-1]


async def test_the_probing_job_may_need_several_attempts(core: CoreHarness) -> None:
    await unreachable(core)
    core.messenger.trouble = [TemporaryError("busy")]
    await another_run(core, hours=1)
    core.clock.turn(seconds=10)
    await core.do_jobs()
    assert requests_to_group(core) == ["card", "upload", "file"]


async def test_a_setup_fault_uses_the_fallback_webhook(core: CoreHarness) -> None:
    core.fallback_webhooks = {str(GROUP): ROBOT}
    await unreachable(core)
    assert len(alerts(core, ROBOT)) == 1
    assert (await core.store.find_runs())[0].push_status is PushStatus.SUCCESS


async def test_undelivered_jobs_are_resent_as_soon_as_a_person_requests_it(core: CoreHarness) -> None:
    await unreachable(core)
    (run,) = await core.store.find_runs()
    await core.say(f"重发 {run.id}")
    assert sorted(requests_to_group(core)) == ["file", "note", "upload"]


async def test_a_wrong_mention_does_not_close_the_group(core: CoreHarness) -> None:
    core.messenger.trouble = [PermanentError("param.userIdNotExist", setup_fault="wrong_person")]
    await another_run(core)
    assert requests_to_group(core) == ["note", "upload", "file"]
