"""Every message and every tap is in the audit, once, with what came of it."""

from dataclasses import replace

import pytest

from bot.audit.reader import AuditReader
from bot.chat.permissions import AccessPolicy
from bot.errors import PermanentError, TemporaryError
from bot.models import AuditChannel, AuditEntry, AuditOutcome, JobState, Person
from bot.stores.sqlite.audit import SqliteAudit
from bot.telemetry.rescues import Rescue
from tests.chat.test_dispatcher import OUTSIDER, tap_on
from tests.conftest import CoreHarness
from tests.factories import make_message, make_schedule
from tests.scenarios.faults import Killed


async def entries(core: CoreHarness) -> list[AuditEntry]:
    """Return the entries, newest first."""
    return list(await AuditReader(SqliteAudit(core.store)).find())


async def the_entry(core: CoreHarness) -> AuditEntry:
    (entry,) = await entries(core)
    return entry


async def test_a_command_is_recorded_with_who_where_what_and_its_run(core: CoreHarness) -> None:
    await core.say("重跑 巡检", title="运维群", corp_id="dingcorp")
    entry = await the_entry(core)
    (run,) = await core.store.find_runs()
    assert (entry.channel, entry.outcome) == (AuditChannel.MESSAGE, AuditOutcome.ACCEPTED)
    assert (entry.actor.id, entry.actor.name, entry.organization) == ("user01", "李雷", "dingcorp")
    assert (entry.place, entry.place_name) == ("group:cidA", "运维群")
    assert (entry.said, entry.command) == ("重跑 巡检", "重跑")
    assert (entry.schedule_id, entry.schedule_name, entry.run_id) == ("s1", "每日巡检", run.id)
    assert entry.allowed


async def test_a_message_that_comes_again_is_recorded_once(core: CoreHarness) -> None:
    message = make_message("重跑")
    await core.hear(message)
    await core.hear(message)
    assert (await the_entry(core)).outcome is AuditOutcome.ACCEPTED


async def test_strangers_are_recorded_as_refused(core: CoreHarness) -> None:
    await core.say("重跑", sender=OUTSIDER)
    entry = await the_entry(core)
    assert (entry.outcome, entry.allowed, entry.rule) == (AuditOutcome.REFUSED, False, "no_staff_id")
    assert (entry.actor.id, entry.actor.name, entry.said) == ("", "外部顾问", "重跑")


async def test_who_may_not_do_it_is_recorded_as_refused(core: CoreHarness) -> None:
    core.access_policy = AccessPolicy(operators=("manager01",))
    core.build()
    await core.say("重跑")
    entry = await the_entry(core)
    assert (entry.outcome, entry.allowed, entry.rule) == (AuditOutcome.REFUSED, False, "needs_operator")


async def test_what_is_not_possible_was_allowed(core: CoreHarness) -> None:
    await core.say("凭据 r0")
    entry = await the_entry(core)
    assert (entry.outcome, entry.allowed, entry.detail) == (AuditOutcome.REFUSED, True, "no_such_run")


@pytest.mark.parametrize(("text", "question"), [("stauts", "unknown"), ("重跑 巡检", "which_schedule")])
async def test_questions_back_are_recorded(core: CoreHarness, text: str, question: str) -> None:
    core.engine.known.append(make_schedule(id="s2", name="周巡检"))
    await core.say(text)
    entry = await the_entry(core)
    assert (entry.outcome, entry.detail) == (AuditOutcome.ASKED_BACK, question)


async def test_a_message_is_pending_while_the_engine_is_down(core: CoreHarness) -> None:
    core.engine.schedule_trouble = TemporaryError("ARL is down")
    await core.hear(make_message("重跑"))
    entry = await the_entry(core)
    assert (entry.outcome, entry.detail) == (AuditOutcome.PENDING, "ARL is down")
    core.engine.schedule_trouble = None
    core.clock.turn(seconds=60)
    await core.do_jobs()
    assert await the_entry(core) != entry
    assert (await the_entry(core)).outcome is AuditOutcome.ACCEPTED


async def test_a_message_that_is_given_up_has_failed(core: CoreHarness) -> None:
    core.engine.schedule_trouble = PermanentError("no such database")
    await core.say("重跑")
    entry = await the_entry(core)
    assert (entry.outcome, entry.detail) == (AuditOutcome.FAILED, "no such database")


async def test_an_accepted_tap_is_recorded_by_its_job(core: CoreHarness) -> None:
    run = await core.finished_run()
    await core.intake.receive_tap(tap_on(run.id))
    assert await entries(core) == []
    await core.do_jobs()
    entry = await the_entry(core)
    assert (entry.channel, entry.outcome, entry.command) == (AuditChannel.TAP, AuditOutcome.ACCEPTED, "rerun")
    assert (entry.actor.id, entry.place, entry.said) == ("user01", "cidA", "重跑")
    assert (entry.allowed, entry.rule) == (True, "access.admins")
    assert entry.run_id not in {"", run.id}


@pytest.mark.rescue(Rescue.TAP_REPEATED)
async def test_the_same_tap_again_is_recorded_once_a_minute(core: CoreHarness) -> None:
    run = await core.finished_run()
    for _ in range(3):
        await core.intake.receive_tap(tap_on(run.id))
    core.clock.turn(seconds=60)
    await core.intake.receive_tap(tap_on(run.id))
    repeated = [entry.outcome for entry in await entries(core)]
    assert repeated == [AuditOutcome.REPEATED] * 2


@pytest.mark.parametrize("user", [Person(id="guest01"), OUTSIDER])
async def test_taps_that_do_not_count_are_recorded_as_refused(core: CoreHarness, user: Person) -> None:
    run = await core.finished_run()
    await core.intake.receive_tap(tap_on(run.id, user=user))
    entry = await the_entry(core)
    assert (entry.outcome, entry.allowed) == (AuditOutcome.REFUSED, False)
    assert (entry.actor.id, entry.run_id, entry.said) == (user.id, run.id, "重跑")


async def test_a_tap_on_a_card_that_was_never_sent_is_recorded_as_refused(core: CoreHarness) -> None:
    await core.intake.receive_tap(tap_on("rabcdefghij"))
    assert (await the_entry(core)).rule == "unknown_card"


async def test_a_tap_is_answered_even_if_its_refusal_cannot_be_recorded(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(entry: AuditEntry) -> None:
        raise TemporaryError("the store is busy")

    monkeypatch.setattr(core.audit, "record", fail)
    assert await core.intake.receive_tap(tap_on("rabcdefghij"))
    assert "not in the audit: unknown_card (the store is busy)" in caplog.text


async def test_the_answer_waits_for_the_record(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(entry: AuditEntry) -> None:
        raise TemporaryError("the store is busy")

    with monkeypatch.context() as busy:
        busy.setattr(core.audit, "record", fail)
        await core.hear(make_message("重跑"))
    assert core.messenger.verbs() == []
    core.clock.turn(seconds=60)
    await core.do_jobs()
    assert core.messenger.verbs() == ["reply"]
    assert len(await core.store.find_runs()) == 1


@pytest.mark.parametrize("state", [JobState.DEAD, JobState.UNCONFIRMED])
async def test_a_job_that_is_given_up_has_failed(core: CoreHarness, state: JobState) -> None:
    run = await core.finished_run()
    await core.intake.receive_message(make_message("重跑"))
    await core.intake.receive_tap(tap_on(run.id))
    jobs = await core.store.find_jobs(states={JobState.TODO})
    for job in jobs:
        await core.intake.kinds[job.kind].on_finished(replace(job, state=state, error="the engine is down"))
    failed = [(entry.outcome, entry.detail) for entry in await entries(core)]
    assert failed == [(AuditOutcome.FAILED, "the engine is down")] * (2 if state is JobState.DEAD else 0)


async def test_a_confirmed_command_is_recorded_as_what_it_means(core: CoreHarness) -> None:
    await core.finished_run()
    await core.say("历史")
    await core.say("1")
    entry, _ = await entries(core)
    assert (entry.said, entry.command, entry.outcome) == ("1", "凭据", AuditOutcome.ACCEPTED)


@pytest.mark.parametrize("is_stored", [False, True])
async def test_a_kill_around_the_record_loses_nothing_and_doubles_nothing(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch, is_stored: bool
) -> None:
    record = core.audit.record

    async def die(entry: AuditEntry) -> None:
        if is_stored:
            await record(entry)
        raise Killed

    monkeypatch.setattr(core.audit, "record", die)
    with pytest.raises(Killed):
        await core.hear(make_message("重跑"))
    core.build()
    core.clock.turn(seconds=60)
    await core.do_jobs()
    assert (await the_entry(core)).outcome is AuditOutcome.ACCEPTED
    assert (len(await core.store.find_runs()), core.messenger.verbs()) == (1, ["reply"])
