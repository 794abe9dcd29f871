"""Alerts to operators."""

import pytest

from bot.errors import RateLimited, TemporaryError
from bot.models import Destination, JobState, QuotaKind
from bot.quota.budget import Budget, month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import CoreHarness

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
