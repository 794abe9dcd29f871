"""What the services do is counted."""

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.errors import RateLimited, TemporaryError
from bot.models import Person
from bot.telemetry.metrics import Metrics
from tests import conftest
from tests.chat.test_dispatcher import tap_on
from tests.conftest import CoreHarness
from tests.factories import make_message


@pytest.fixture
def metrics(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    metrics = Metrics()
    with monkeypatch.context() as patch:
        patch.setattr(conftest, "METRICS", metrics)
        core.build()
        yield metrics


def counted(metrics: Metrics, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples with these labels."""
    samples = (
        sample
        for family in text_string_to_metric_families(metrics.show().decode())
        for sample in family.samples
    )
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


async def test_a_command_is_counted_once_under_its_name(core: CoreHarness, metrics: Metrics) -> None:
    message = make_message("重跑 每日巡检", sender=Person(id="user01"))
    await core.hear(message)
    await core.hear(message)
    assert counted(metrics, "dingrun_commands_total") == 1
    assert counted(metrics, "dingrun_commands_total", channel="message", command="rerun") == 1


async def test_what_nobody_understands_has_no_words_in_a_label(core: CoreHarness, metrics: Metrics) -> None:
    await core.say("我的密码是 hunter2")
    assert "hunter2" not in metrics.show().decode()
    assert counted(metrics, "dingrun_commands_total", command="none") == 1


async def test_a_button_that_there_is_not_is_counted_as_other(core: CoreHarness, metrics: Metrics) -> None:
    run = await core.finished_run()
    await core.intake.receive_tap(tap_on(run.id, action="invented-by-a-stranger"))
    await core.do_jobs()
    assert "invented" not in metrics.show().decode()


async def test_retries_are_counted_by_kind_and_error(core: CoreHarness, metrics: Metrics) -> None:
    core.exporter.trouble = [TemporaryError("x"), RateLimited("y", retry_after=1)]
    await core.finished_run()
    for _ in range(5):
        core.clock.turn(seconds=30)
        await core.do_jobs()
    retries = "dingrun_job_retries_total"
    assert counted(metrics, retries, kind="export", error="TemporaryError") == 1
    assert counted(metrics, retries, kind="export", error="RateLimited") == 1
    assert counted(metrics, "dingrun_jobs_total", kind="export", outcome="done") == 1


async def test_how_long_a_run_takes_to_be_seen_is_measured(core: CoreHarness, metrics: Metrics) -> None:
    core.exporter.trouble = [TemporaryError("x")] * 20
    await core.finished_run()
    core.clock.turn(seconds=61)
    await core.do_jobs()
    assert counted(metrics, "dingrun_run_visible_seconds_count") == 1
    assert counted(metrics, "dingrun_run_visible_seconds_sum") == 61


async def test_what_is_sent_again_is_not_measured(core: CoreHarness, metrics: Metrics) -> None:
    core.messenger.trouble = [None, TemporaryError("answer lost", uncertain=True)]
    await core.finished_run()
    before = counted(metrics, "dingrun_run_visible_seconds_count")
    await core.say("重发")
    assert counted(metrics, "dingrun_run_visible_seconds_count") == before
