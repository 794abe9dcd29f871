"""Alerts to operators."""

import pytest

from bot.errors import ConfigError, PermanentError, RateLimited, TemporaryError
from bot.models import Destination, JobState, MarkdownMessage, QuotaKind
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import GROUP, CoreHarness

BOSS = Destination.parse("user:boss")
ROBOT = Destination.parse("webhook:ops")


@pytest.fixture
def watched(core: CoreHarness) -> CoreHarness:
    """A core with an operator and a month of a hundred calls."""
    core.operators = (BOSS,)
    core.budget = Budget(limits={QuotaKind.API: 100, QuotaKind.STREAM: 100})
    core.build()
    return core


async def spend(core: CoreHarness, calls: int, bucket: QuotaKind = QuotaKind.API) -> None:
    await SqliteQuotaStore(core.store).add_usage(month_of(core.clock()), bucket, calls)
    await core.notices.alert_quota(await core.governor.warnings())
    await core.do_jobs()


def alerts(core: CoreHarness) -> list[str]:
    return [what for verb, where, what in core.messenger.sent if (verb, where) == ("note", str(BOSS))]


async def test_the_quota_is_alerted_at_80_and_95_percent_once_each(
    watched: CoreHarness,
) -> None:
    for calls in (79, 1, 5, 9, 1, 3):
        await spend(watched, calls)
    first, second = alerts(watched)
    assert "80%" in first
    assert "95%" in second


async def test_each_kind_of_call_has_its_own_warning(watched: CoreHarness) -> None:
    await spend(watched, 85)
    await spend(watched, 85, QuotaKind.STREAM)
    assert len(alerts(watched)) == 2


async def test_a_new_month_is_warned_of_anew(watched: CoreHarness) -> None:
    await spend(watched, 85)
    watched.clock.turn(seconds=31 * 86_400)
    await spend(watched, 85)
    assert len(alerts(watched)) == 2


async def test_stalled_exports_are_alerted_once_a_day(watched: CoreHarness) -> None:
    watched.exporter.trouble = [RateLimited("waits for a worker", retry_after=60)] * 30
    await watched.finished_run()
    for minutes in (9, 2, 60, 24 * 60):
        watched.clock.turn(seconds=minutes * 60)
        await watched.do_jobs()
        await watched.notices.alert_stalled_exports(await watched.exports.stalled_exports())
        await watched.do_jobs()
    assert len(alerts(watched)) == 2
    assert "waits for a worker" in alerts(watched)[0]


async def test_a_notice_that_may_have_been_read_is_not_repeated(watched: CoreHarness) -> None:
    watched.messenger.trouble = [TemporaryError("no answer", uncertain=True)]
    await spend(watched, 85)
    (job,) = await watched.store.find_jobs(kind="notice")
    assert job.state is JobState.UNCONFIRMED


async def test_a_notice_by_webhook_robot_is_repeated_until_it_is_taken(watched: CoreHarness) -> None:
    watched.operators = (ROBOT,)
    watched.build()
    watched.messenger.trouble = [TemporaryError("no answer", uncertain=True)]
    await spend(watched, 85)
    watched.clock.turn(seconds=10)
    await watched.do_jobs()
    (job,) = await watched.store.find_jobs(kind="notice")
    assert job.state is JobState.DONE


class FakeLastResort:
    """Addresses outside of DingTalk. `trouble` has the errors of the next messages."""

    def __init__(self) -> None:
        self.trouble: list[Exception] = []
        self.sent: list[str] = []

    async def notify(self, message: MarkdownMessage) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        self.sent.append(message.text)


@pytest.fixture
def mail(watched: CoreHarness) -> FakeLastResort:
    last_resort = watched.last_resort = FakeLastResort()
    watched.build()
    return last_resort


async def let_minutes_pass(core: CoreHarness, minutes: int) -> None:
    for _ in range(minutes * 2):
        core.clock.turn(seconds=30)
        await core.do_jobs()


async def test_what_an_operator_was_told_is_not_sent_elsewhere(
    watched: CoreHarness, mail: FakeLastResort
) -> None:
    await spend(watched, 85)
    await let_minutes_pass(watched, 10)
    assert (len(alerts(watched)), mail.sent) == (1, [])
    (job,) = await watched.store.find_jobs(kind="last_notice")
    assert job.result == {"sent": False}


async def test_what_was_only_logged_is_sent_elsewhere_at_once(
    watched: CoreHarness, mail: FakeLastResort
) -> None:
    watched.operators = (Destination.parse("user:boss#gone"),)
    watched.build()
    await spend(watched, 85)
    assert (alerts(watched), len(mail.sent)) == ([], 1)


@pytest.mark.parametrize(
    "error", [ConfigError("无效的appKey"), PermanentError("gone"), RateLimited("month", retry_after=86_400)]
)
async def test_what_dingtalk_does_not_take_is_sent_elsewhere(
    watched: CoreHarness, mail: FakeLastResort, error: Exception
) -> None:
    watched.messenger.trouble = [error] * 30
    await spend(watched, 85)
    await let_minutes_pass(watched, 10)
    assert len(mail.sent) == 1
    assert "80%" in mail.sent[0]


async def test_what_was_sent_elsewhere_is_not_told_again_when_dingtalk_is_back(
    watched: CoreHarness, mail: FakeLastResort
) -> None:
    watched.messenger.trouble = [TemporaryError("DingTalk cannot be reached")] * 6
    await spend(watched, 85)
    await let_minutes_pass(watched, 30)
    assert (alerts(watched), len(mail.sent)) == ([], 1)


async def test_a_last_resort_that_fails_is_tried_again(watched: CoreHarness, mail: FakeLastResort) -> None:
    watched.messenger.trouble = [PermanentError("gone")]
    mail.trouble = [TemporaryError("no network"), TemporaryError("no network")]
    await spend(watched, 85)
    await let_minutes_pass(watched, 5)
    assert len(mail.sent) == 1


async def test_without_dingtalk_the_last_resort_is_told_at_once(
    watched: CoreHarness, mail: FakeLastResort
) -> None:
    watched.operators = ()
    watched.build()
    await spend(watched, 85)
    assert len(mail.sent) == 1


async def test_the_webhook_of_the_group_tells_what_the_app_cannot(watched: CoreHarness) -> None:
    watched.operators = (GROUP,)
    watched.fallback_webhooks = {str(GROUP): ROBOT}
    watched.build()
    watched.messenger.trouble = [ConfigError("无效的appKey")]
    await spend(watched, 85)
    assert [where for verb, where, _ in watched.messenger.sent if verb == "note"] == [str(ROBOT)]


async def test_a_direct_alert_reaches_the_last_resort_when_dingtalk_takes_none(
    watched: CoreHarness, mail: FakeLastResort
) -> None:
    watched.messenger.trouble = [TemporaryError("cannot be reached")]
    assert await watched.notices.alert_directly("opened:store:1", "store_out", why="disk full")
    assert len(mail.sent) == 1
    mail.trouble = [TemporaryError("no network")]
    watched.messenger.trouble = [TemporaryError("cannot be reached")]
    assert not await watched.notices.alert_directly("opened:store:2", "store_out", why="disk full")


async def test_a_direct_alert_that_may_have_been_read_is_not_repeated(watched: CoreHarness) -> None:
    watched.messenger.trouble = [TemporaryError("no answer", uncertain=True)]
    assert await watched.notices.alert_directly("opened:store:1", "store_out", why="disk full")


async def test_an_alert_has_no_secret_that_another_system_echoed(watched: CoreHarness) -> None:
    await watched.notices.alert("engine_out", "engine_out", why="redis://:HIDDEN@h/0 is away", name="arl")
    (job,) = await watched.store.find_jobs(kind="notice")
    await watched.do_jobs()
    assert await watched.notices.alert_directly("opened:store:1", "store_out", why="ticket=HIDDEN is old")
    assert len(alerts(watched)) == 2
    assert "HIDDEN" not in f"{job.payload} {alerts(watched)}"
