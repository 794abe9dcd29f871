"""How an alert is sent: by a route that is chosen once, and in another way if it is rejected."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.circuit_breaker import CircuitBreaker, DeliveryMode
from bot.delivery.lapses.sending import SLOT_WAIT
from bot.delivery.payload import DeliveryPayload, Obstacle
from bot.delivery.plan import job_id
from bot.delivery.routing import Route
from bot.errors import ConfigError, PermanentError, TemporaryError
from bot.models import Destination, Job, JobState, QuotaKind
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_job

ROBOT = Destination.parse("webhook:ops")
HOUR = 3_600
WITHHELD = "有一个计划没有按预期执行或恢复了，内容没能通过钉钉的审核"


@pytest.fixture
def alerting(core: CoreHarness) -> CoreHarness:
    """A core whose own schedule tells nobody, and whose calls are limited."""
    core.schedule = replace(core.schedule, notify_enable=False)
    core.engine.known[:] = [core.schedule]
    core.budget = Budget(limits={QuotaKind.API: 100, QuotaKind.STREAM: 100})
    core.build()
    return core


async def spend(core: CoreHarness, calls: int, kind: QuotaKind = QuotaKind.API) -> None:
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), kind, calls)


async def add_alert(core: CoreHarness, to: Destination = GROUP, *, heard: str = "card") -> Job:
    """Store the note that a schedule works again, for whoever heard of its failure. Nothing is sent yet."""
    core.clock.turn(seconds=1)
    run = await core.finished_run()
    failed = make_job(
        id=job_id(heard, "failed", to), kind=heard, state=JobState.DONE, payload={"destination": str(to)}
    )
    note = make_job(
        id=f"recovery:{run.id}:{to}",
        kind="recovery",
        run_id=run.id,
        created_at=core.clock(),
        due_at=core.clock(),
        payload={"destination": str(to), "failed": ["failed"], "failures": 2},
    )
    await core.store.add_job(failed)
    await core.store.add_job(note)
    return note


async def settle(core: CoreHarness, note: Job) -> Job:
    """Do what is due, and return the job of the note."""
    await core.do_jobs()
    found = await core.store.find_job(note.id)
    assert found is not None
    return found


def route(note: Job) -> Route | None:
    return DeliveryPayload.of(note).route


def told(core: CoreHarness, to: Destination = GROUP) -> list[str]:
    return [what for verb, where, what in core.messenger.sent if (verb, where) == ("note", str(to))]


@pytest.mark.parametrize("heard", ["card", "note"])
async def test_a_recovery_names_the_run_and_how_often_it_had_failed(
    alerting: CoreHarness, heard: str
) -> None:
    note = await settle(alerting, await add_alert(alerting, heard=heard))
    (said,) = told(alerting)
    assert said.startswith("**✅ 恢复正常：每日巡检**，")
    assert f"之前连续失败 2 次。执行编号 {note.run_id}" in said
    assert (note.state, route(note)) == (JobState.DONE, Route.DIRECT)


async def test_who_heard_of_no_failure_is_not_told(alerting: CoreHarness) -> None:
    note = await settle(alerting, await add_alert(alerting, heard="update"))
    assert (note.state, note.result) == (JobState.DONE, {"skipped": Obstacle.NOBODY_TOLD})
    assert told(alerting) == []


async def test_rejected_words_are_replaced_once_and_then_given_up(alerting: CoreHarness) -> None:
    alerting.messenger.trouble_with["note"] = [PermanentError("bad words", content=True)] * 2
    note = await settle(alerting, await add_alert(alerting))
    assert (note.state, DeliveryPayload.of(note).withheld) == (JobState.DEAD, True)
    alerting.messenger.trouble_with["note"] = [PermanentError("bad words", content=True)]
    note = await settle(alerting, await add_alert(alerting))
    assert told(alerting) == [f"{WITHHELD}。编号 {note.run_id}，发 状态 查看。"]


async def test_a_new_alert_waits_as_calls_run_out_and_a_repeated_one_does_not(alerting: CoreHarness) -> None:
    await spend(alerting, 96)
    note = await settle(alerting, await add_alert(alerting))
    assert (note.state, told(alerting)) == (JobState.TODO, [])
    assert note.due_at - alerting.clock() >= timedelta(minutes=10)
    alerting.clock.now = note.due_at
    assert (await settle(alerting, note)).state is JobState.DONE
    assert len(told(alerting)) == 1


async def test_an_alert_waits_while_no_calls_are_left(alerting: CoreHarness) -> None:
    await spend(alerting, 100)
    note = await settle(alerting, await add_alert(alerting))
    assert (note.state, told(alerting)) == (JobState.TODO, [])
    assert note.due_at == alerting.governor.next_check_at()


async def test_an_alert_that_is_only_logged_waits_for_nothing(alerting: CoreHarness) -> None:
    await spend(alerting, 96)
    alerting.notify["cards_per_minute"] = 1
    alerting.build()
    for _ in range(2):
        note = await settle(alerting, await add_alert(alerting, Destination.parse("group:cidA#gone")))
        assert (note.state, note.result["silent"]) == (JobState.DONE, True)


async def test_an_alert_waits_for_one_of_the_messages_of_a_minute(alerting: CoreHarness) -> None:
    alerting.notify["cards_per_minute"] = 1
    alerting.build()
    await settle(alerting, await add_alert(alerting))
    note = await settle(alerting, await add_alert(alerting))
    assert (note.state, note.due_at) == (JobState.TODO, alerting.clock() + SLOT_WAIT)
    alerting.clock.turn(seconds=61)
    assert (await settle(alerting, note)).state is JobState.DONE


@pytest.fixture
def with_webhook(alerting: CoreHarness) -> CoreHarness:
    """The group has a robot that speaks where the app cannot."""
    alerting.fallback_webhooks = {str(GROUP): ROBOT}
    alerting.build()
    return alerting


async def test_the_webhook_is_not_used_while_the_app_is_accepted(with_webhook: CoreHarness) -> None:
    note = await settle(with_webhook, await add_alert(with_webhook))
    assert route(note) is Route.DIRECT
    assert (len(told(with_webhook)), told(with_webhook, ROBOT)) == (1, [])


@pytest.mark.parametrize("error", [PermanentError("no scope"), ConfigError("wrong key")])
async def test_after_a_rejection_the_webhook_speaks_for_an_hour_at_once(
    with_webhook: CoreHarness, error: Exception
) -> None:
    with_webhook.messenger.trouble_with["note"] = [error]
    first = await settle(with_webhook, await add_alert(with_webhook))
    assert (first.state, DeliveryPayload.of(first).via) == (JobState.DONE, ROBOT)
    second = await settle(with_webhook, await add_alert(with_webhook))
    assert (second.attempts, route(second)) == (1, Route.WEBHOOK_FALLBACK)
    assert (told(with_webhook), len(told(with_webhook, ROBOT))) == ([], 2)
    with_webhook.clock.turn(seconds=HOUR)
    third = await settle(with_webhook, await add_alert(with_webhook))
    assert (route(third), len(told(with_webhook))) == (Route.DIRECT, 1)


async def test_a_fault_of_set_up_counts_for_the_destination_and_not_for_its_messages(
    with_webhook: CoreHarness,
) -> None:
    fault = PermanentError("not in the group", setup_fault="robot_not_in_group")
    with_webhook.messenger.trouble_with["note"] = [fault]
    note = await settle(with_webhook, await add_alert(with_webhook))
    assert (note.state, len(told(with_webhook, ROBOT))) == (JobState.DONE, 1)
    breaker = CircuitBreaker(with_webhook.store, with_webhook.notices, clock=with_webhook.clock)
    assert await breaker.is_closed(DeliveryMode.MESSAGE, GROUP)
    assert not await breaker.is_closed(DeliveryMode.DESTINATION, GROUP)


async def test_what_the_webhook_rejects_too_is_given_up(with_webhook: CoreHarness) -> None:
    with_webhook.messenger.trouble_with["note"] = [PermanentError("no scope"), PermanentError("no robot")]
    note = await settle(with_webhook, await add_alert(with_webhook))
    assert (note.state, note.error) == (JobState.DEAD, "no robot")


async def test_a_retry_takes_the_route_that_was_chosen(with_webhook: CoreHarness) -> None:
    with_webhook.messenger.trouble_with["note"] = [TemporaryError("away")]
    note = await settle(with_webhook, await add_alert(with_webhook))
    assert route(note) is Route.DIRECT
    await spend(with_webhook, 96)
    with_webhook.clock.turn(seconds=60)
    assert (await settle(with_webhook, note)).state is JobState.DONE
    assert (len(told(with_webhook)), told(with_webhook, ROBOT)) == (1, [])
