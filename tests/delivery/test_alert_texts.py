"""When a channel rests, and what operators are told: what happened, where, why, and when it is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.circuit_breaker import PROBE_INTERVAL, CircuitBreaker, DeliveryMode
from bot.errors import PermanentError
from bot.models import CardFallback, Destination, QuotaKind, RenderedCard
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_job

BOSS, CHIEF = Destination.parse("user:boss"), Destination.parse("user:chief")
SECOND = timedelta(seconds=1)
NOT_IN_GROUP = "not in the group: robot_not_in_group"


@pytest.fixture
def watched(core: CoreHarness) -> CoreHarness:
    core.operators = (BOSS,)
    core.budget = Budget(limits={QuotaKind.API: 1_000, QuotaKind.STREAM: 5_000})
    core.build()
    return core


@pytest.fixture
def breaker(watched: CoreHarness) -> CircuitBreaker:
    return CircuitBreaker(watched.store, watched.notices, clock=watched.clock)


async def told(core: CoreHarness, operator: Destination = BOSS) -> list[str]:
    """Send what is to be sent, and return the messages to an operator since the last time."""
    await core.do_jobs()
    notes = [what for verb, where, what in core.messenger.sent if (verb, where) == ("note", str(operator))]
    core.messenger.sent.clear()
    return notes


async def test_a_warning_of_the_quota_has_its_numbers(watched: CoreHarness) -> None:
    quota = SqliteQuotaStore(watched.store)
    await quota.add_usage(month_of(watched.clock()), QuotaKind.API, 812)
    await quota.add_usage(month_of(watched.clock()), QuotaKind.STREAM, 4_800)
    await watched.notices.alert_quota(await watched.governor.warnings())
    api, stream = await told(watched)
    assert api.startswith("**本月接口调用已用 80%**（812/1,000）")
    assert stream.startswith("**本月 Webhook 与 Stream 调用已用 95%**（4,800/5,000）")


async def test_late_reports_are_counted_and_the_first_one_says_why(watched: CoreHarness) -> None:
    exports = [make_job(kind="export", error="disk full"), make_job(kind="export", error="no worker")]
    await watched.notices.alert_stalled_exports(exports)
    await watched.notices.alert_stalled_exports([])
    (said,) = await told(watched)
    assert said.startswith("**2 份报告迟迟没有生成**")
    assert "disk full" in said


async def test_every_operator_is_told_once_for_each_cause(watched: CoreHarness) -> None:
    watched.operators = (BOSS, CHIEF)
    watched.build()
    for cause in ("a", "a", "b"):
        await watched.notices.alert(cause, "store_back")
    await watched.do_jobs()
    sent = [where for verb, where, _ in watched.messenger.sent if verb == "note"]
    assert sorted(sent) == [str(BOSS)] * 2 + [str(CHIEF)] * 2


@pytest.mark.parametrize(("mode", "step"), [(DeliveryMode.CARD, "卡片"), (DeliveryMode.MESSAGE, "消息")])
async def test_a_channel_that_fails_and_works_again_is_named_with_its_reason(
    watched: CoreHarness, breaker: CircuitBreaker, mode: DeliveryMode, step: str
) -> None:
    await breaker.record_failure(mode, GROUP, "scope missing")
    await breaker.record_failure(mode, GROUP, "scope missing")
    (fell,) = await told(watched)
    assert fell.startswith(f"**{step}发不到 group:cidA**")
    assert "scope missing" in fell
    await breaker.record_success(mode, GROUP)
    await breaker.record_success(mode, GROUP)
    assert await told(watched) == [f"**{step}又能发到 group:cidA 了**"]


async def test_a_fault_of_set_up_is_named_with_its_remedy(
    watched: CoreHarness, breaker: CircuitBreaker
) -> None:
    await breaker.record_failure(DeliveryMode.DESTINATION, GROUP, "no group", fault="wrong_group")
    (said,) = await told(watched)
    assert said.startswith("**发不到 group:cidA**：群的 ID 不对，或者群已经解散。")
    assert "no group" in said


async def test_each_outage_of_a_channel_is_told(watched: CoreHarness, breaker: CircuitBreaker) -> None:
    for _ in range(3):
        watched.clock.turn(seconds=1)
        await breaker.record_failure(DeliveryMode.CARD, GROUP, "scope missing")
        await breaker.record_success(DeliveryMode.CARD, GROUP)
    assert len(await told(watched)) == 6


async def test_a_mode_is_closed_for_an_hour_at_one_destination(
    watched: CoreHarness, breaker: CircuitBreaker
) -> None:
    await breaker.record_failure(DeliveryMode.CARD, GROUP, "scope missing")
    assert await breaker.is_closed(DeliveryMode.MESSAGE, GROUP)
    assert await breaker.is_closed(DeliveryMode.CARD, Destination.parse("group:cidB"))
    watched.clock.turn(seconds=(PROBE_INTERVAL - SECOND).total_seconds())
    assert not await breaker.is_closed(DeliveryMode.CARD, GROUP)
    watched.clock.turn(seconds=1)
    assert await breaker.is_closed(DeliveryMode.CARD, GROUP)


async def refused(breaker: CircuitBreaker, job_id: str, *, requested: bool = False) -> str:
    """Try to send something by a job. Returns why it is refused, or ""."""
    try:
        async with breaker.guard(GROUP, job_id, requested=requested):
            return ""
    except PermanentError as error:
        return f"{error}: {error.setup_fault}"


async def test_behind_a_fault_of_set_up_one_job_an_hour_goes_through(
    watched: CoreHarness, breaker: CircuitBreaker
) -> None:
    error = PermanentError("not in the group", setup_fault="robot_not_in_group")
    with pytest.raises(PermanentError):
        async with breaker.guard(GROUP, "card:1"):
            raise error
    assert await refused(breaker, "card:2") == NOT_IN_GROUP
    watched.clock.turn(seconds=PROBE_INTERVAL.total_seconds() - 1)
    assert await refused(breaker, "card:3") == NOT_IN_GROUP
    watched.clock.turn(seconds=1)
    with pytest.raises(RuntimeError):
        async with breaker.guard(GROUP, "card:4"):  # it probes, and may try as often as it needs
            raise RuntimeError
    assert await refused(breaker, "card:5") == NOT_IN_GROUP
    assert await refused(breaker, "card:4") == ""
    assert await refused(breaker, "card:5") == ""
    fell, healed = await told(watched)
    assert ("发不到 group:cidA" in fell, "又能发到 group:cidA" in healed) == (True, True)


async def test_what_a_person_requests_goes_through_at_once(
    watched: CoreHarness, breaker: CircuitBreaker
) -> None:
    await breaker.record_failure(
        DeliveryMode.DESTINATION, GROUP, "not in the group", fault="robot_not_in_group"
    )
    assert await refused(breaker, "file:1") == NOT_IN_GROUP
    assert await refused(breaker, "file:2", requested=True) == ""
    assert await refused(breaker, "file:1") == ""


async def test_a_wrong_person_closes_the_chat_with_that_person_and_no_group(breaker: CircuitBreaker) -> None:
    error = PermanentError("no such user", code="x", content=True, setup_fault="wrong_person")
    with pytest.raises(PermanentError) as in_group:
        async with breaker.guard(GROUP, "card:1"):
            raise error
    told = in_group.value
    assert (str(told), told.code, told.content, told.setup_fault) == ("no such user", "x", True, "")
    with pytest.raises(PermanentError) as in_chat:
        async with breaker.guard(BOSS, "card:2"):
            raise error
    assert in_chat.value is error
    assert await breaker.is_closed(DeliveryMode.DESTINATION, GROUP)
    assert not await breaker.is_closed(DeliveryMode.DESTINATION, BOSS)


PUBLIC = CardFallback(template_id="public.schema", params={})
CARD = RenderedCard(template_id="own.schema", params={}, headline="每日巡检", fallback=PUBLIC)


async def test_each_refusal_of_a_template_is_told_once_and_that_it_works_again(
    watched: CoreHarness, breaker: CircuitBreaker
) -> None:
    for _ in range(2):
        for _ in range(2):
            await breaker.templates.record_refusal("own.schema", "unpublished")
        (said,) = await told(watched)
        assert said.startswith("**钉钉不接受卡片模板 own.schema**")
        assert "unpublished" in said
        for _ in range(2):
            await breaker.templates.record_success(CARD)
        assert await told(watched) == ["**卡片模板 own.schema 又能用了**"]


async def test_a_refused_template_rests_for_an_hour(watched: CoreHarness, breaker: CircuitBreaker) -> None:
    assert await breaker.templates.choose(CARD) == CARD
    await breaker.templates.record_refusal("own.schema", "unpublished")
    watched.clock.turn(seconds=PROBE_INTERVAL.total_seconds() - 1)
    assert await breaker.templates.choose(CARD) == CARD.by_fallback()
    assert await breaker.templates.choose(replace(CARD, template_id="other")) == replace(
        CARD, template_id="other"
    )
    watched.clock.turn(seconds=1)
    assert await breaker.templates.choose(CARD) == CARD
