"""Tests of LapseChecker: what did not happen is told once, and its end to whoever heard of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.errors import PermanentError, TemporaryError
from bot.external.models import ExternalSchedule
from bot.models import (
    Destination,
    Expectation,
    Findings,
    JobState,
    Lapse,
    LapseState,
    Mute,
    NotifyChange,
    NotifyOn,
    Person,
    QuotaKind,
    RecipientOptions,
    Run,
    RunStatus,
    ScheduleState,
    TaskStatus,
    Trigger,
)
from bot.ports import EngineRun, LapseStore
from bot.quota.budget import Budget, month_of
from bot.runs.lifecycle import TriggerRequest
from bot.stores.sqlite.lapses import SqliteLapses
from bot.stores.sqlite.quota import SqliteQuotaStore
from bot.telemetry.loops import loop_step
from bot.wiring.stores import sqlite_stores
from tests.conftest import GROUP, CoreHarness
from tests.external.harness import RUNNING, SLUG, SUCCESS, Reported
from tests.factories import make_schedule

OPS, BOSS = Destination.parse("webhook:ops"), Destination.parse("user:boss")
MINUTE, HOUR = 60, 3_600


class Lapsing:
    """A core with an hourly schedule whose clock runs in checks."""

    def __init__(self, core: CoreHarness) -> None:
        self.core = core
        self.plan(cron="0 * * * *")

    def plan(self, **changes: Any) -> None:
        """Change the schedule."""
        schedule = make_schedule(notify_enable=True, send_to=(GROUP,), export=False)
        self.core.schedule = replace(schedule, **changes)
        self.core.engine.known[:] = [self.core.schedule]

    async def wait(self, seconds: float, *, step: float = 60) -> None:
        """Let time pass in steps, with a check and the jobs after each."""
        for _ in range(round(seconds / step)):
            self.core.clock.turn(seconds=step)
            await self.check()

    async def check(self) -> None:
        for discovery in self.core.discoveries.values():
            with loop_step("discovery"):
                await discovery.poll()
        await self.core.watcher.tick()
        await self.core.lapses.check(self.core.clock())
        await self.core.do_jobs()

    async def start(self) -> Run:
        """Start a run at the current time."""
        key = f"cron:s1:{self.core.clock().isoformat()}"
        run = await self.core.runs.trigger(
            self.core.schedule, TriggerRequest(idempotency_key=key, trigger=Trigger.CRON)
        )
        await self.core.do_jobs()
        return run

    async def history(self, runs: int, minutes: float) -> None:
        """Let some runs of the same duration end well, without scheduled times."""
        self.plan(cron="")
        for _ in range(runs):
            await self.start()
            self.core.clock.turn(seconds=minutes * MINUTE)
            await self.core.finish()
        self.core.messenger.sent.clear()

    def told(self, destination: Destination = GROUP) -> list[str]:
        """Return the first lines of the messages at a destination."""
        sent = self.core.messenger.sent
        return [
            what.split("\n")[0] for verb, where, what in sent if (verb, where) == ("note", str(destination))
        ]

    async def found(self) -> list[Lapse]:
        store: LapseStore = self.core.stores.lapses if self.core.stores else SqliteLapses(self.core.store)
        return list(await store.find_lapses(set(LapseState)))


@pytest.fixture
async def lapsing(core: CoreHarness) -> Lapsing:
    """A schedule that is watched since a moment."""
    case = Lapsing(core)
    await case.check()
    return case


async def test_a_start_that_is_missed_is_told_once(lapsing: Lapsing) -> None:
    await lapsing.wait(HOUR + 4 * MINUTE)
    assert lapsing.told() == []
    await lapsing.wait(3 * HOUR)
    assert lapsing.told() == ["**🔴 没有按时开始：每日巡检**"]


async def test_the_next_start_is_told_with_what_was_missed(lapsing: Lapsing) -> None:
    await lapsing.wait(4 * HOUR + 30 * MINUTE)
    await lapsing.start()
    await lapsing.wait(5 * MINUTE)
    assert lapsing.told()[1:] == ["**✅ 又开始了：每日巡检**，今天 15:30。漏了 4 次，停了 3 小时 30 分。"]


async def test_a_schedule_that_starts_in_time_is_not_mentioned(lapsing: Lapsing) -> None:
    for _ in range(3):
        await lapsing.wait(HOUR)
        await lapsing.start()
        await lapsing.core.finish()
    assert lapsing.told() == []
    assert await lapsing.found() == []


async def test_each_outage_is_told_anew(lapsing: Lapsing) -> None:
    for _ in range(2):
        await lapsing.wait(HOUR + 10 * MINUTE)
        await lapsing.start()
        await lapsing.wait(MINUTE)
    assert len(lapsing.told()) == 4


async def test_a_paused_schedule_misses_nothing_and_is_watched_anew(lapsing: Lapsing) -> None:
    lapsing.plan(cron="0 * * * *", state=ScheduleState.STOPPED)
    await lapsing.wait(3 * HOUR + 30 * MINUTE)
    lapsing.plan(cron="0 * * * *")
    await lapsing.wait(20 * MINUTE)
    assert await lapsing.found() == []
    await lapsing.wait(20 * MINUTE)
    assert len(lapsing.told()) == 1


async def test_a_schedule_that_is_changed_meanwhile_lapses_no_more(lapsing: Lapsing) -> None:
    await lapsing.wait(HOUR + 5 * MINUTE)
    lapsing.plan(cron="0 0 * * *")
    await lapsing.start()
    await lapsing.wait(MINUTE)
    assert [lapse.state for lapse in await lapsing.found()] == [LapseState.SETTLED]
    assert len(lapsing.told()) == 1


async def test_after_downtime_the_run_has_its_grace_to_start(lapsing: Lapsing) -> None:
    lapsing.core.clock.turn(seconds=3 * HOUR)
    lapsing.core.build()
    await lapsing.wait(4 * MINUTE)
    await lapsing.start()
    await lapsing.wait(10 * MINUTE)
    assert lapsing.told() == []


async def test_an_engine_that_cannot_be_asked_is_not_judged(
    lapsing: Lapsing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down() -> object:
        raise TemporaryError("ARL does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(lapsing.core.engine, "schedules", down)
        await lapsing.wait(2 * HOUR)
    await lapsing.wait(4 * MINUTE)
    assert lapsing.told() == []


async def test_nobody_is_told_where_notifications_are_off(lapsing: Lapsing) -> None:
    lapsing.plan(cron="0 * * * *", notify_enable=False)
    await lapsing.wait(2 * HOUR)
    assert lapsing.core.messenger.sent == []
    assert len(await lapsing.found()) == 1


async def test_nobody_is_told_if_the_settings_say_so(lapsing: Lapsing) -> None:
    lapsing.core.notify = {"lapses": False}
    lapsing.core.build()
    await lapsing.wait(2 * HOUR)
    assert lapsing.core.messenger.sent == []


async def test_nobody_is_told_after_somebody_turned_notifications_off_in_the_chat(lapsing: Lapsing) -> None:
    change = NotifyChange(by=Person(id="user01"), at=lapsing.core.clock(), notify_enable=False)
    await lapsing.core.context.delivery.overrides.change("s1", lambda each: replace(each, notify=change))
    await lapsing.wait(HOUR + 5 * MINUTE)
    assert lapsing.told() == []


async def test_what_is_told_is_what_to_send_if_people_may_start_it(lapsing: Lapsing) -> None:
    await lapsing.wait(HOUR + 5 * MINUTE)
    lapsing.plan(cron="0 * * * *", id="s2", name="别处的", startable=False)
    await lapsing.check()
    await lapsing.wait(HOUR + 5 * MINUTE)
    texts = [what for verb, _, what in lapsing.core.messenger.sent if verb == "note"]
    here, elsewhere = texts[0], next(text for text in texts if "别处的" in text)
    assert "重跑 每日巡检" in here
    assert "请到那个系统里看看" in elsewhere
    assert "重跑" not in elsewhere


async def test_every_destination_is_told_whatever_its_notify_on_is(lapsing: Lapsing) -> None:
    options = (RecipientOptions(to=OPS, notify_on=NotifyOn.FAILED),)
    lapsing.plan(cron="0 * * * *", send_to=(GROUP, OPS), recipient_options=options)
    await lapsing.wait(HOUR + 5 * MINUTE)
    assert len(lapsing.told()) == len(lapsing.told(OPS)) == 1


async def test_who_did_not_hear_of_it_does_not_hear_of_its_end(lapsing: Lapsing) -> None:
    await lapsing.wait(HOUR + 5 * MINUTE)
    lapsing.plan(cron="0 * * * *", send_to=(GROUP, OPS))
    await lapsing.start()
    await lapsing.wait(2 * MINUTE)
    assert (len(lapsing.told()), len(lapsing.told(OPS))) == (2, 0)


async def test_a_run_that_takes_longer_than_usual_is_told_once(lapsing: Lapsing) -> None:
    await lapsing.history(8, minutes=20)
    await lapsing.start()
    await lapsing.wait(29 * MINUTE)
    assert lapsing.told() == []
    await lapsing.wait(20 * MINUTE)
    assert lapsing.told() == ["**⏳ 比平时慢：每日巡检**"]


async def test_a_slow_run_is_told_to_who_asked_for_it_too_and_mentions_nobody(
    lapsing: Lapsing,
) -> None:
    await lapsing.history(8, minutes=20)
    options = (RecipientOptions(to=GROUP, mention=("boss",)),)
    lapsing.plan(cron="", recipient_options=options)
    request = TriggerRequest(
        idempotency_key="chat:1", trigger=Trigger.CHAT, asked_by=Person(id="boss"), asked_in=BOSS
    )
    await lapsing.core.runs.trigger(lapsing.core.schedule, request)
    await lapsing.wait(49 * MINUTE)
    assert lapsing.told(BOSS) == lapsing.told() == ["**⏳ 比平时慢：每日巡检**"]
    assert set(lapsing.core.messenger.mentioned) <= {()}


async def test_a_late_run_whose_summary_is_sent_needs_no_other_note(lapsing: Lapsing) -> None:
    await lapsing.history(8, minutes=20)
    await lapsing.start()
    await lapsing.wait(40 * MINUTE)
    await lapsing.core.finish()
    await lapsing.check()
    assert len(lapsing.told()) == 1
    assert lapsing.core.messenger.verbs().count("card") == 1


async def test_who_wants_changes_only_is_told_that_a_late_run_ended_without_any(lapsing: Lapsing) -> None:
    expect = Expectation(max_runtime=timedelta(hours=1))
    lapsing.plan(cron="", notify_on=NotifyOn.CHANGE, export=True, expect=expect)
    lapsing.core.exporter.findings = Findings(rows=3, compared=True)
    for minutes in (1, 61):
        await lapsing.start()
        await lapsing.wait(minutes * MINUTE)
        lapsing.core.exporter.trouble = [TemporaryError("disk full", retry_after=150)]
        await lapsing.core.finish()
        await lapsing.wait(MINUTE)  # the report decides whether there are changes
        assert [text[:8] for text in lapsing.told()] == ["**🔴 超时还没"] * (minutes > 60)
        await lapsing.wait(5 * MINUTE)
    assert [text[:8] for text in lapsing.told()] == ["**🔴 超时还没", "**✅ 超时的执"]
    assert [lapse.state for lapse in await lapsing.found()] == [LapseState.SETTLED]


async def test_whoever_does_not_receive_the_summary_is_told_that_a_late_run_ended(lapsing: Lapsing) -> None:
    lapsing.plan(
        cron="0 * * * *", notify_on=NotifyOn.FAILED, expect=Expectation(max_runtime=timedelta(hours=1))
    )
    await lapsing.start()
    await lapsing.wait(HOUR + MINUTE)
    await lapsing.core.finish()
    await lapsing.check()
    overdue, over = lapsing.told()
    assert overdue == "**🔴 超时还没结束：每日巡检**"
    assert over.startswith("**✅ 超时的执行结束了：每日巡检**，今天 12:01，用了 1 小时 1 分。")


async def test_a_run_without_a_history_is_overdue_after_a_day(lapsing: Lapsing) -> None:
    lapsing.plan(cron="")
    await lapsing.start()
    await lapsing.wait(24 * HOUR - 10 * MINUTE, step=10 * MINUTE)
    assert lapsing.told() == []
    await lapsing.wait(5 * HOUR, step=MINUTE)
    assert lapsing.told() == ["**🔴 超时还没结束：每日巡检**"]


async def test_a_recovery_without_a_summary_is_told_to_whoever_heard_of_the_failures(
    lapsing: Lapsing,
) -> None:
    lapsing.plan(cron="", notify_on=NotifyOn.FAILED)
    for bad in (True, True, False, False):
        await lapsing.start()
        lapsing.core.clock.turn(seconds=MINUTE)
        lapsing.core.engine.refusal = None
        await _finish(lapsing.core, bad=bad)
    (recovery,) = lapsing.told()
    assert recovery.startswith("**✅ 恢复正常：每日巡检**，今天 11:03。之前连续失败 2 次。")


async def test_a_recovery_that_a_card_shows_needs_no_other_note(lapsing: Lapsing) -> None:
    lapsing.plan(cron="")
    for bad in (True, False):
        await lapsing.start()
        lapsing.core.clock.turn(seconds=MINUTE)
        await _finish(lapsing.core, bad=bad)
    assert lapsing.told() == []


async def test_failures_within_the_tolerance_are_told_to_nobody(lapsing: Lapsing) -> None:
    lapsing.plan(cron="", notify_on=NotifyOn.FAILED, expect=Expectation(tolerance=2))
    cards = []
    for bad in (True, True, True, False, True, True, False):
        await lapsing.start()
        lapsing.core.clock.turn(seconds=MINUTE)
        await _finish(lapsing.core, bad=bad)
        cards.append(lapsing.core.messenger.verbs().count("card"))
    assert cards == [0, 0, 1, 1, 1, 1, 1]
    assert len(lapsing.told()) == 1


async def test_whoever_asked_is_told_of_a_failure_that_is_tolerated(lapsing: Lapsing) -> None:
    lapsing.plan(cron="", expect=Expectation(tolerance=2))
    key = TriggerRequest(idempotency_key="chat:1", trigger=Trigger.CHAT, asked_in=BOSS)
    await lapsing.core.runs.trigger(lapsing.core.schedule, key)
    await lapsing.core.do_jobs()
    await _finish(lapsing.core, bad=True)
    assert [where for verb, where, _ in lapsing.core.messenger.sent if verb == "card"] == [str(BOSS)]


async def _finish(core: CoreHarness, *, bad: bool) -> None:
    await core.finish(status=TaskStatus.ERROR if bad else TaskStatus.DONE)


async def test_a_mute_silences_alerts(lapsing: Lapsing) -> None:
    now = lapsing.core.clock()
    mute = Mute(by=Person(id="user01"), at=now, until=now + timedelta(hours=2))
    await lapsing.core.context.delivery.overrides.change("s1", lambda each: replace(each, mute=mute))
    await lapsing.wait(2 * HOUR + 30 * MINUTE)
    await lapsing.start()
    await lapsing.check()
    assert lapsing.told() == []


@pytest.mark.parametrize(("excepted", "count"), [("none", 0), ("failed", 1)])
async def test_in_quiet_hours_an_alert_waits_unless_failures_do_not(
    lapsing: Lapsing, excepted: str, count: int
) -> None:
    lapsing.core.notify = {"quiet_hours": "11:00-14:00", "quiet_hours_except": excepted}
    lapsing.core.build()
    await lapsing.wait(2 * HOUR)
    assert len(lapsing.told()) == count
    await lapsing.wait(HOUR + 5 * MINUTE)
    assert len(lapsing.told()) == 1


async def test_a_clock_that_was_ahead_makes_nothing_look_missed(lapsing: Lapsing) -> None:
    lapsing.core.clock.turn(seconds=24 * HOUR)
    await lapsing.start()
    await lapsing.wait(3 * MINUTE)
    lapsing.core.clock.turn(seconds=-24 * HOUR)
    await lapsing.wait(30 * MINUTE)
    assert lapsing.told() == []
    await lapsing.wait(HOUR)
    assert len(lapsing.told()) == 1


async def test_a_lapse_of_a_clock_that_was_ahead_is_withdrawn(lapsing: Lapsing) -> None:
    lapsing.core.clock.turn(seconds=24 * HOUR)
    await lapsing.wait(6 * MINUTE)
    lapsing.core.clock.turn(seconds=-24 * HOUR)
    await lapsing.wait(2 * MINUTE)
    assert [lapse.state for lapse in await lapsing.found()] == [LapseState.SETTLED]


async def test_without_calls_an_alert_waits_and_is_left_out_if_it_is_over(lapsing: Lapsing) -> None:
    lapsing.core.budget = Budget(limits={QuotaKind.API: 100})
    lapsing.core.build()
    await SqliteQuotaStore(lapsing.core.store).add_usage(month_of(lapsing.core.clock()), QuotaKind.API, 100)
    await lapsing.wait(HOUR + 10 * MINUTE)
    await lapsing.start()
    await lapsing.wait(2 * HOUR)
    await lapsing.wait(8 * 24 * HOUR, step=HOUR)
    first, second = await lapsing.core.store.find_jobs(kind="lapse")
    assert first.result == {"skipped": "it has happened since"}
    assert (second.state, len(lapsing.told())) == (JobState.DONE, 1)


async def test_the_fallback_webhook_speaks_when_calls_run_out(lapsing: Lapsing) -> None:
    lapsing.core.fallback_webhooks = {str(GROUP): OPS}
    lapsing.core.budget = Budget(limits={QuotaKind.API: 100})
    lapsing.core.build()
    await SqliteQuotaStore(lapsing.core.store).add_usage(month_of(lapsing.core.clock()), QuotaKind.API, 96)
    await lapsing.wait(HOUR + 10 * MINUTE)
    assert (len(lapsing.told()), len(lapsing.told(OPS))) == (0, 1)


async def test_a_rejected_message_goes_by_the_fallback_webhook(lapsing: Lapsing) -> None:
    lapsing.core.fallback_webhooks = {str(GROUP): OPS}
    lapsing.core.build()
    lapsing.core.messenger.trouble = [PermanentError("no such robot")]
    await lapsing.wait(HOUR + 10 * MINUTE)
    assert (len(lapsing.told()), len(lapsing.told(OPS))) == (0, 1)


async def test_rejected_words_are_left_out(lapsing: Lapsing) -> None:
    lapsing.core.messenger.trouble = [PermanentError("bad words", content=True)]
    await lapsing.wait(HOUR + 10 * MINUTE)
    assert lapsing.told() == [
        "有一个计划没有按预期执行或恢复了，内容没能通过钉钉的审核。编号 s1，发 状态 查看。"
    ]


async def test_rejected_words_of_a_recovery_are_left_out(lapsing: Lapsing) -> None:
    await lapsing.wait(HOUR + 5 * MINUTE)
    lapsing.core.messenger.trouble = [PermanentError("bad words", content=True)]
    await lapsing.start()
    await lapsing.wait(2 * MINUTE)
    assert [text[:9] for text in lapsing.told()] == ["**🔴 没有按时开", "有一个计划没有按预"]


async def test_an_alert_that_may_have_been_read_is_followed_by_its_end(lapsing: Lapsing) -> None:
    lapsing.core.messenger.trouble = [TemporaryError("no answer", uncertain=True)]
    await lapsing.wait(HOUR + 10 * MINUTE)
    await lapsing.start()
    await lapsing.wait(MINUTE)
    assert [text[:9] for text in lapsing.told()] == ["**✅ 又开始了："]


async def test_an_alert_that_was_rejected_is_not_followed_by_its_end(lapsing: Lapsing) -> None:
    lapsing.core.messenger.trouble = [PermanentError("no such robot")]
    await lapsing.wait(HOUR + 10 * MINUTE)
    await lapsing.start()
    await lapsing.wait(MINUTE)
    assert lapsing.told() == []


async def test_people_are_mentioned_when_a_start_is_missed(lapsing: Lapsing) -> None:
    options = (RecipientOptions(to=GROUP, mention=("boss",)),)
    lapsing.plan(cron="0 * * * *", recipient_options=options)
    await lapsing.wait(HOUR + 5 * MINUTE)
    assert lapsing.core.messenger.mentioned == [("boss",)]


@pytest.fixture
async def discovered(core: CoreHarness) -> Lapsing:
    """An hourly schedule of an engine that fires it itself."""
    core.engine.has_own_scheduler = True
    core.build()
    case = Lapsing(core)
    await case.check()
    return case


def begin(case: Lapsing, start: datetime) -> None:
    """Let the engine have started a run."""
    case.core.engine.begun.append(
        EngineRun(
            idempotency_key=f"arl:{start}", schedule=case.core.schedule, task_ids=("t1",), start_time=start
        )
    )


async def test_a_start_that_the_engine_misses_is_told(discovered: Lapsing) -> None:
    await discovered.wait(HOUR + 7 * MINUTE)
    assert discovered.told() == []
    await discovered.wait(2 * MINUTE)
    assert discovered.told() == ["**🔴 没有按时开始：每日巡检**"]


async def test_a_start_that_is_discovered_later_is_not_missed(discovered: Lapsing) -> None:
    due = discovered.core.clock() + timedelta(hours=1)
    await discovered.wait(HOUR + 6 * MINUTE)
    begin(discovered, due - timedelta(seconds=50))
    await discovered.wait(30 * MINUTE)
    assert discovered.told() == []


async def test_what_an_engine_did_while_it_could_not_be_asked_is_not_missed(
    discovered: Lapsing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(since: datetime) -> object:
        raise TemporaryError("ARL does not answer")

    due = discovered.core.clock() + timedelta(hours=1)
    with monkeypatch.context() as patch:
        patch.setattr(discovered.core.engine, "external_runs", down)
        await discovered.wait(90 * MINUTE)
    await discovered.wait(2 * MINUTE)
    begin(discovered, due)
    await discovered.wait(20 * MINUTE)
    assert discovered.told() == []


async def test_a_check_asks_as_often_for_many_schedules_as_for_one(
    lapsing: Lapsing, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, rows = [], lapsing.core.store.rows

    async def counted(sql: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        asked.append(sql)
        return await rows(sql, values)

    schedules = [replace(lapsing.core.schedule, id=f"s{number}") for number in range(50)]
    lapsing.core.engine.known[:] = schedules
    await lapsing.check()
    monkeypatch.setattr(lapsing.core.store, "rows", counted)
    await lapsing.core.lapses.check(lapsing.core.clock())
    assert len(asked) == 4


@pytest.fixture
def reported(core: CoreHarness) -> Reported:
    """A backup that another system runs every hour, for an hour at most."""
    expect = Expectation(every=timedelta(hours=1), max_runtime=timedelta(hours=1))
    return Reported(core, sqlite_stores(core.store), ExternalSchedule(slug=SLUG, name="备份", expect=expect))


async def pass_time(reported: Reported, minutes: int) -> None:
    """Let time pass in minutes, with a check and the jobs after each."""
    for _ in range(minutes):
        reported.core.clock.turn(seconds=MINUTE)
        await reported.core.lapses.check(reported.core.clock())
        await reported.core.do_jobs()


async def test_a_ping_that_stays_away_is_told_once_and_the_next_one_ends_it(reported: Reported) -> None:
    await pass_time(reported, 2)
    await reported.report(SUCCESS)
    await pass_time(reported, 90)
    assert [what.split("\n")[0] for _, _, what in notes(reported)] == ["**🔴 没有按时开始：备份**"]
    await reported.report(SUCCESS, rid="2")
    await pass_time(reported, 1)
    assert [what for _, _, what in notes(reported)][1:] == [
        "**✅ 又开始了：备份**，今天 12:32。漏了 1 次，停了 30 分。"
    ]


async def test_pings_that_were_lost_while_dingrun_was_down_are_not_missed(reported: Reported) -> None:
    await pass_time(reported, 2)
    await reported.report(SUCCESS)
    await pass_time(reported, 2)
    reported.core.clock.turn(seconds=HOUR)
    await pass_time(reported, 60)
    assert notes(reported) == []
    await pass_time(reported, 6)
    assert len(notes(reported)) == 1


def notes(reported: Reported) -> list[tuple[str, str, str]]:
    return [each for each in reported.core.messenger.sent if each[0] == "note"]


async def test_a_silent_run_times_out_and_a_later_end_corrects_its_card_once(reported: Reported) -> None:
    await pass_time(reported, 2)
    await reported.report(RUNNING)
    await pass_time(reported, 62)
    run = await reported.run()
    assert (run.well, reported.core.messenger.verbs().count("card")) == (False, 1)
    for _ in range(2):
        await reported.report(SUCCESS)
        await reported.core.do_jobs()
    run = await reported.run()
    assert (run.well, run.failures) == (True, ())
    assert reported.core.messenger.verbs().count("update") == 1
    (card,) = reported.core.messenger.cards.values()
    assert card.headline.startswith("✅")


async def test_a_run_that_is_heard_of_does_not_time_out(reported: Reported) -> None:
    await pass_time(reported, 2)
    await reported.report(RUNNING)
    for _ in range(3):
        await pass_time(reported, 50)
        await reported.report(None, event="log")
    assert (await reported.run()).status is RunStatus.RUNNING
