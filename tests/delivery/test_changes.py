"""`notify_on: change`: notified of runs that failed or found something else than the run before."""

from dataclasses import replace

from bot.delivery.recipients import recipients
from bot.errors import PermanentError, TemporaryError
from bot.models import (
    Destination,
    Expectation,
    Findings,
    KindSummary,
    NotifyOn,
    PushStatus,
    RecipientOptions,
    RunStatus,
    TaskStatus,
    Trend,
)
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_ended_run, make_schedule

SAME = Findings(rows=3, compared=True, kinds=(KindSummary(kind="site", total=3),))
NEW = Findings(rows=4, compared=True, kinds=(KindSummary(kind="site", total=4, new=1),))
WEBHOOK = Destination.parse("webhook:ops")


async def first_run(core: CoreHarness, **schedule: object) -> None:
    """Let a run end that found what the next one will find, and forget its messages."""
    core.schedule = make_schedule(
        **({"notify_enable": True, "notify_on": NotifyOn.CHANGE, "send_to": (GROUP,)} | schedule)
    )
    core.engine.known[:] = [core.schedule]
    core.exporter.findings = SAME
    await core.finished_run()
    core.messenger.sent.clear()
    core.clock.turn(seconds=86_400)


async def test_the_first_run_is_a_change(core: CoreHarness) -> None:
    core.schedule = make_schedule(notify_enable=True, notify_on=NotifyOn.CHANGE, send_to=(GROUP,))
    await core.finished_run()
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_a_run_like_the_one_before_sends_nothing(core: CoreHarness) -> None:
    await first_run(core, send_to=(GROUP, WEBHOOK))
    run = await core.finished_run()
    assert (core.messenger.verbs(), run.push_status) == ([], PushStatus.SKIPPED)


async def test_new_findings_are_sent_with_the_report(core: CoreHarness) -> None:
    await first_run(core)
    core.exporter.findings = NEW
    run = await core.finished_run()
    assert (core.messenger.verbs(), run.push_status) == (["card", "upload", "file"], PushStatus.SUCCESS)


async def test_failing_and_recovering_are_changes_and_failing_alike_is_none(core: CoreHarness) -> None:
    await first_run(core, export=False)
    for status, sent in (
        (TaskStatus.ERROR, ["card"]),
        (TaskStatus.ERROR, ["card"]),
        (TaskStatus.DONE, ["card", "card"]),
    ):
        await core.trigger(cause=f"cron:s1:{core.clock()}")
        await core.finish(status=status, reason="x")
        core.clock.turn(seconds=86_400)
        assert core.messenger.verbs() == sent


async def test_a_late_report_decides_when_it_is_there(core: CoreHarness) -> None:
    await first_run(core)
    core.exporter.trouble = [TemporaryError("disk full", retry_after=200)]
    core.exporter.findings = NEW
    await core.finished_run()
    core.clock.turn(seconds=150)
    await core.do_jobs()
    assert core.messenger.verbs() == []
    core.clock.turn(seconds=150)
    await core.do_jobs()
    assert core.messenger.verbs() == ["card", "upload", "file"]


async def test_without_a_report_the_engine_has_counted(core: CoreHarness) -> None:
    await first_run(core)
    core.exporter.trouble = [PermanentError("no such engine")]
    run = await core.finished_run()
    assert (core.messenger.verbs(), run.push_status) == ([], PushStatus.SKIPPED)


async def test_who_asked_for_a_run_is_told_in_any_case(core: CoreHarness) -> None:
    await first_run(core)
    await core.say("重跑")
    await core.finish()
    assert core.messenger.verbs() == ["reply", "card", "upload", "file"]


def test_a_destination_of_its_own_may_want_changes_only() -> None:
    options = (RecipientOptions(to=WEBHOOK, notify_on=NotifyOn.CHANGE),)
    run = make_ended_run(send_to=(GROUP, WEBHOOK), recipient_options=options, export=False)
    assert recipients(run) == (GROUP, WEBHOOK)
    assert recipients(replace(run, trend=Trend(was_well=True))) == (GROUP,)


def test_a_run_without_a_report_is_decided_at_its_end() -> None:
    run = make_ended_run(RunStatus.FINISHED, notify_on=NotifyOn.CHANGE, export=False)
    assert recipients(run) == (GROUP,)
    assert recipients(replace(run, trend=Trend(was_well=True))) == ()


async def test_the_first_failure_that_is_not_tolerated_is_a_change(core: CoreHarness) -> None:
    await first_run(core, export=False, expect=Expectation(tolerance=1))
    for status, sent in (
        (TaskStatus.ERROR, 0),
        (TaskStatus.ERROR, 1),
        (TaskStatus.ERROR, 1),
        (TaskStatus.DONE, 2),
    ):
        await core.trigger(cause=f"cron:s1:{core.clock()}")
        await core.finish(status=status, reason="x")
        core.clock.turn(seconds=86_400)
        assert len(core.messenger.verbs()) == sent
