"""The circuit breaker of cards, messages and destinations."""

from collections.abc import Sequence

import pytest

from bot.delivery.plan import card_id
from bot.errors import PermanentError, TemporaryError
from bot.models import Destination, PushStatus
from tests.conftest import GROUP, CoreHarness

OPERATOR = Destination.parse("user:boss")
ROBOT = Destination.parse("webhook:ops")
SCOPE = PermanentError("scope missing", code="AccessTokenPermissionDenied")
GONE = PermanentError("the robot is not in this group", code="robot.notExist")


def alerts(desk: CoreHarness, destination: Destination = OPERATOR) -> Sequence[str]:
    return [what for verb, where, what in desk.messenger.sent if (verb, where) == ("note", str(destination))]


async def another_run(desk: CoreHarness, hours: float = 0) -> None:
    desk.clock.turn(seconds=hours * 3600 + 1)
    await desk.finished_run()


async def test_a_rejected_card_becomes_a_message_and_the_operator_is_alerted_once(desk: CoreHarness) -> None:
    desk.operators = (OPERATOR,)
    desk.build()
    desk.messenger.trouble = [SCOPE]
    await another_run(desk)
    await another_run(desk)
    assert len(alerts(desk, GROUP)) == 2
    assert len(alerts(desk)) == 1
    assert "scope missing" in alerts(desk)[0]


async def test_no_card_is_tried_while_the_breaker_is_open(desk: CoreHarness) -> None:
    desk.messenger.trouble = [SCOPE]
    await another_run(desk)
    await another_run(desk)
    assert desk.messenger.cards == {}


async def test_a_card_that_is_accepted_after_an_hour_closes_the_breaker(desk: CoreHarness) -> None:
    desk.operators = (OPERATOR,)
    desk.build()
    desk.messenger.trouble = [SCOPE]
    await another_run(desk)
    await another_run(desk, hours=1)
    assert len(desk.messenger.cards) == 1
    assert [("又能发到" in what) for what in alerts(desk)] == [False, True]


async def test_operators_are_alerted_again_when_it_opens_again(desk: CoreHarness) -> None:
    desk.operators = (OPERATOR,)
    desk.build()
    desk.messenger.trouble = [SCOPE]
    await another_run(desk)
    await another_run(desk, hours=1)
    desk.messenger.trouble = [SCOPE]
    await another_run(desk)
    assert len(alerts(desk)) == 3


async def test_operators_are_alerted_once_however_often_it_is_probed(desk: CoreHarness) -> None:
    desk.operators = (OPERATOR,)
    desk.build()
    for _ in range(3):
        desk.messenger.trouble = [SCOPE]
        await another_run(desk, hours=1)
    assert len(alerts(desk)) == 1


async def test_without_cards_and_messages_the_robot_beside_speaks(desk: CoreHarness) -> None:
    desk.fallback_webhooks = {str(GROUP): ROBOT}
    desk.build()
    desk.messenger.trouble = [SCOPE, GONE]
    run = await desk.finished_run()
    assert [where for verb, where, _ in desk.messenger.sent if verb == "note"] == [str(ROBOT)]
    assert (await desk.run(run.id)).push_status is PushStatus.SUCCESS


async def test_the_fallback_webhook_is_used_at_once_while_messages_are_rejected(desk: CoreHarness) -> None:
    desk.fallback_webhooks = {str(GROUP): ROBOT}
    desk.build()
    desk.messenger.trouble = [SCOPE, GONE]
    await another_run(desk)
    await another_run(desk)
    assert len(alerts(desk, ROBOT)) == 2
    assert desk.messenger.trouble == []


async def test_a_lost_answer_of_the_robot_beside_is_repeated_and_not_unconfirmed(desk: CoreHarness) -> None:
    desk.fallback_webhooks = {str(GROUP): ROBOT}
    desk.build()
    desk.messenger.trouble = [SCOPE, GONE, TemporaryError("no answer", uncertain=True)]
    run = await desk.finished_run()
    desk.clock.turn(seconds=10)
    await desk.do_jobs()
    assert (await desk.run(run.id)).push_status is PushStatus.SUCCESS


async def test_rejected_content_does_not_open_the_breaker_and_plain_text_is_sent(desk: CoreHarness) -> None:
    desk.messenger.trouble = [PermanentError("contain.notAllowed.text", content=True)] * 2
    run = await desk.finished_run()
    (said,) = alerts(desk, GROUP)
    assert "审核" in said
    assert run.schedule_name not in said
    await another_run(desk)
    assert len(desk.messenger.cards) == 1


async def test_a_message_that_nobody_takes_is_an_error_and_can_be_sent_again(desk: CoreHarness) -> None:
    desk.messenger.trouble = [SCOPE, GONE]
    run = await desk.finished_run()
    assert run.push_status is PushStatus.ERROR
    desk.clock.turn(seconds=3601)
    await desk.say(f"重发 {run.id}")
    await desk.do_jobs()
    assert (await desk.run(run.id)).push_status is PushStatus.SUCCESS


async def test_a_crash_between_a_dead_card_and_its_message_is_repaired(desk: CoreHarness) -> None:
    run = await desk.trigger()
    desk.messenger.trouble = [TemporaryError("busy")] * 99
    await desk.finish()
    for _ in range(30):
        desk.clock.turn(seconds=800)
        await desk.jobs.run_due(["card"])
    desk.messenger.trouble = []
    desk.build()
    await desk.reconciler.run()
    await desk.do_jobs()
    assert len(alerts(desk, GROUP)) == 1
    assert card_id(run.id, GROUP) not in desk.messenger.cards


async def test_a_store_error_after_a_message_was_sent_does_not_repeat_it(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.messenger.trouble = [SCOPE]
    recall, sent = desk.store.find_value, desk.messenger.sent

    async def fails(key: str) -> str | None:
        if sent and key.startswith("fallen:message"):
            raise TemporaryError("the store cannot do it now")
        return await recall(key)

    monkeypatch.setattr(desk.store, "find_value", fails)
    run = await desk.finished_run()
    desk.clock.turn(seconds=10)
    await desk.do_jobs()
    assert len(alerts(desk, GROUP)) == 1
    assert run.push_status is PushStatus.SUCCESS


NOT_IN_GROUP = PermanentError("the robot is not in the group", setup_fault="robot_not_in_group")


async def unreachable(desk: CoreHarness, *, refusals: int = 1) -> None:
    """A group that the robot is not in; more than so many requests to it would be taken."""
    desk.operators = (OPERATOR,)
    desk.build()
    desk.messenger.trouble = [NOT_IN_GROUP] * refusals
    await another_run(desk)


def requests_to_group(desk: CoreHarness) -> Sequence[str]:
    return [verb for verb, where, _ in desk.messenger.sent if where == str(GROUP) or verb == "upload"]


async def test_a_fault_of_set_up_costs_one_request_and_not_one_for_each_kind_of_message(
    desk: CoreHarness,
) -> None:
    await unreachable(desk)
    await another_run(desk)
    assert requests_to_group(desk) == []
    assert desk.messenger.trouble == []
    assert [run.push_status for run in await desk.store.find_runs()] == [PushStatus.ERROR] * 2


async def test_operators_are_alerted_of_a_setup_fault_once_with_its_remedy(desk: CoreHarness) -> None:
    await unreachable(desk)
    for _ in range(3):
        desk.messenger.trouble = [NOT_IN_GROUP]
        await another_run(desk, hours=1)
    (said,) = alerts(desk)
    assert "机器人不在这个群里" in said
    assert "加进群" in said


async def test_after_an_hour_one_job_probes_the_destination(desk: CoreHarness) -> None:
    await unreachable(desk)
    desk.messenger.trouble = [NOT_IN_GROUP]
    await another_run(desk, hours=1)
    await another_run(desk)
    assert (requests_to_group(desk), desk.messenger.trouble) == ([], [])
    await another_run(desk, hours=1)
    await another_run(desk)
    assert requests_to_group(desk) == ["card", "upload", "file"] * 2
    assert "又能发到" in alerts(desk)[-1]


async def test_the_probing_job_may_need_several_attempts(desk: CoreHarness) -> None:
    await unreachable(desk)
    desk.messenger.trouble = [TemporaryError("busy")]
    await another_run(desk, hours=1)
    desk.clock.turn(seconds=10)
    await desk.do_jobs()
    assert requests_to_group(desk) == ["card", "upload", "file"]


async def test_a_setup_fault_uses_the_fallback_webhook(desk: CoreHarness) -> None:
    desk.fallback_webhooks = {str(GROUP): ROBOT}
    await unreachable(desk)
    assert len(alerts(desk, ROBOT)) == 1
    assert (await desk.store.find_runs())[0].push_status is PushStatus.SUCCESS


async def test_undelivered_jobs_are_resent_as_soon_as_a_person_requests_it(desk: CoreHarness) -> None:
    await unreachable(desk)
    (run,) = await desk.store.find_runs()
    await desk.say(f"重发 {run.id}")
    assert sorted(requests_to_group(desk)) == ["file", "note", "upload"]


async def test_a_wrong_mention_does_not_close_the_group(desk: CoreHarness) -> None:
    desk.messenger.trouble = [PermanentError("param.userIdNotExist", setup_fault="wrong_person")]
    await another_run(desk)
    assert requests_to_group(desk) == ["note", "upload", "file"]
