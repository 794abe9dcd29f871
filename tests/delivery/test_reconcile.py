"""Consequences of finished jobs, also when the process dies before they follow."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.delivery.consequences import has_unconfirmed_file, replacements
from bot.delivery.jobs.update import _jittered_interval
from bot.delivery.plan import card_id
from bot.errors import PermanentError, TemporaryError
from bot.models import Destination, ExportStatus, Job, JobState, PushStatus, RenderedCard, Run
from bot.reports.link_tokens import LinkPolicy
from bot.telemetry.rescues import Rescue
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_job, make_message
from tests.scenarios.faults import Killed

LOST = TemporaryError("no answer", uncertain=True)
BUSY = [TemporaryError("busy")] * 99


class Death:
    """Kills the process right after the end of a job of one kind is stored; the next one starts clean."""

    def __init__(self, core: CoreHarness, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        self.deaths = 0
        save = core.store.save_job

        async def save_and_die(job: Job) -> bool:
            kept = await save(job)
            if kept and job.kind == kind and job.state.ended and not self.deaths:
                self.deaths += 1
                raise Killed(f"after the end of {job.id}")
            return kept

        monkeypatch.setattr(core.store, "save_job", save_and_die)


Kill = Callable[[str], Death]


@pytest.fixture
def kill(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> Kill:
    return lambda kind: Death(core, monkeypatch, kind)


async def live(core: CoreHarness, death: Death, work: Callable[[], Awaitable[object]]) -> None:
    """Work until the process dies, then start another one on the same store."""
    with pytest.raises(Killed):
        await work()
    assert death.deaths == 1
    core.build()
    await core.reconciler.run()
    for _ in range(3):
        core.clock.turn(seconds=61)
        await core.do_jobs()


async def finish(core: CoreHarness) -> Run:
    run = await core.trigger()
    await core.finish()
    return await core.run(run.id)


async def only_run(core: CoreHarness) -> Run:
    (run,) = await core.store.find_runs()
    return run


async def shown(core: CoreHarness) -> str:
    run = await only_run(core)
    return "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())


async def test_the_card_says_that_its_file_is_unconfirmed(core: CoreHarness, kill: Kill) -> None:
    core.messenger.trouble_with["file"] = [LOST]
    await live(core, kill("file"), lambda: finish(core))
    assert '"resend"' in await shown(core)


@pytest.mark.parametrize("how", ["报告", "重发"])
async def test_the_card_says_so_no_longer_once_the_file_came(core: CoreHarness, kill: Kill, how: str) -> None:
    core.messenger.trouble_with["file"] = [LOST]
    run = await finish(core)
    assert '"resend"' in await shown(core)
    await live(core, kill("file"), lambda: core.say(f"{how} {run.id}"))
    assert '"resend"' not in await shown(core)
    assert await core.context.delivery.resender.undelivered() == []


async def test_the_card_offers_to_call_a_link_back(core: CoreHarness, kill: Kill) -> None:
    core.max_bytes, core.terms = 1, LinkPolicy(public_url="https://dingrun.example")
    core.build()
    await live(core, kill("file"), lambda: finish(core))
    assert '"revoke"' in await shown(core)


async def test_a_message_goes_instead_of_a_card_that_was_given_up(core: CoreHarness, kill: Kill) -> None:
    core.messenger.trouble_with["card"] = list(BUSY)

    async def give_up() -> None:
        await finish(core)
        for _ in range(30):
            core.clock.turn(seconds=800)
            await core.do_jobs()

    await live(core, kill("card"), give_up)
    assert "note" in core.messenger.verbs()


@pytest.mark.rescue(Rescue.CONSEQUENCES_REPAIRED)
async def test_the_push_status_of_the_run_is_repaired(core: CoreHarness, kill: Kill) -> None:
    await live(core, kill("card"), lambda: finish(core))
    assert (await only_run(core)).push_status is PushStatus.SUCCESS


async def test_the_push_status_is_repaired_after_a_message(core: CoreHarness, kill: Kill) -> None:
    core.messenger.trouble = [PermanentError("no card"), PermanentError("no robot")]
    run = await finish(core)
    assert run.push_status is PushStatus.ERROR
    core.clock.turn(seconds=3601)
    await live(core, kill("note"), lambda: core.say(f"重发 {run.id}"))
    assert (await only_run(core)).push_status is PushStatus.SUCCESS


async def test_the_export_status_is_repaired_after_a_dead_export(core: CoreHarness, kill: Kill) -> None:
    core.exporter.trouble = [PermanentError("no such engine")]
    await live(core, kill("export"), lambda: finish(core))
    run = await only_run(core)
    assert (run.export_status, run.export_error) == (ExportStatus.ERROR, "no such engine")


async def test_a_card_sent_before_the_export_is_updated(core: CoreHarness, kill: Kill) -> None:
    core.exporter.trouble = [TemporaryError("disk full", retry_after=100)]

    async def wait_for_report() -> None:
        await finish(core)
        for _ in range(2):
            core.clock.turn(seconds=70)
            await core.do_jobs()

    await live(core, kill("export"), wait_for_report)
    assert ".xlsx" in await shown(core)
    assert core.messenger.verbs().count("update") == 1


async def test_a_dead_reply_is_announced_to_the_person_who_asked(core: CoreHarness, kill: Kill) -> None:
    async def refuses(**_: object) -> list[Run]:
        raise TemporaryError("the store is away")

    core.store.find_runs = refuses  # type: ignore[method-assign]

    async def give_up() -> None:
        await core.intake.receive_message(make_message("状态"))
        for _ in range(30):
            core.clock.turn(seconds=800)
            await core.do_jobs()

    death = kill("message")
    with pytest.raises(Killed):
        await give_up()
    del core.store.find_runs
    core.build()
    await core.reconciler.run()
    assert death.deaths == 1
    assert await core.store.find_jobs(kind="delay", states={JobState.TODO})


async def test_a_calm_run_needs_no_repair(core: CoreHarness) -> None:
    await core.finished_run()
    before = len(await core.store.find_jobs())
    for _ in range(2):
        await core.reconciler.run()
    assert len(await core.store.find_jobs()) == before


async def test_the_lookback_covers_an_outage_of_any_length(core: CoreHarness, kill: Kill) -> None:
    await core.reconciler.run()
    core.messenger.trouble_with["file"] = [LOST]
    kill("file")
    with pytest.raises(Killed):
        await finish(core)
    core.clock.turn(seconds=9 * 86_400)
    core.build()
    await core.reconciler.run()
    await core.do_jobs()
    assert '"resend"' in await shown(core)


async def test_a_job_that_cannot_be_read_holds_up_no_other_run(
    core: CoreHarness, kill: Kill, caplog: pytest.LogCaptureFixture
) -> None:
    odd = await core.finished_run()
    bad = {"kind": "card", "run_id": odd.id, "state": JobState.DONE, "payload": {"destination": "nowhere"}}
    await core.store.add_job(make_job(id="card:odd", ended_at=core.clock(), **bad))
    core.messenger.trouble_with["file"] = [LOST]
    kill("file")
    with pytest.raises(Killed):
        await finish(core)
    core.build()
    await core.reconciler.run()
    assert await core.store.find_jobs(kind="update")
    assert odd.id in caplog.text


async def test_all_undelivered_jobs_are_counted(core: CoreHarness) -> None:
    """Metrics and status read the 200 oldest jobs of any kind, and then looked for deliveries among them."""
    for number in range(250):
        kind = "export" if number % 2 else "message"
        await core.store.add_job(make_job(id=f"old{number}", kind=kind, state=JobState.DEAD))
    core.messenger.trouble_with["file"] = [LOST]
    await core.finished_run()
    deliveries = core.context.delivery.resender
    assert [job.kind for job in await deliveries.undelivered()] == ["file"]
    assert await deliveries.count_undelivered() == {JobState.DEAD: 0, JobState.UNCONFIRMED: 1}


async def test_every_delivery_in_trouble_is_counted(core: CoreHarness) -> None:
    for number in range(250):
        await core.store.add_job(make_job(id=f"file:{number}", kind="file", state=JobState.UNCONFIRMED))
    counted = await core.context.delivery.resender.count_undelivered()
    assert counted[JobState.UNCONFIRMED] == 250


Slow = tuple[Run, asyncio.Event, asyncio.Task[int]]


async def slow_update(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """A run whose card a bot is updating: it has read what it shows, and sends it when it is let go."""
    run, go_on = await core.finished_run(), asyncio.Event()
    update, began = core.messenger.update_card, asyncio.Event()

    async def slow(card_id: str, card: RenderedCard) -> None:
        monkeypatch.setattr(core.messenger, "update_card", update)
        began.set()
        await go_on.wait()
        await update(card_id, card)

    monkeypatch.setattr(core.messenger, "update_card", slow)
    await core.delivery.refresh_cards(run, "something")
    task = asyncio.create_task(core.jobs.run_due(["update"]))
    await began.wait()
    return run, go_on, task


async def test_a_slow_update_does_not_overwrite_a_newer_one_of_another_bot(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, go_on, task = await slow_update(core, monkeypatch)
    other = CoreHarness(store=core.store, clock=core.clock, folder=core.folder, messenger=core.messenger)
    await other.rerun(run)
    await other.jobs.run_due(["update"])
    go_on.set()
    await task
    core.clock.turn(seconds=5)
    await other.jobs.run_due(["update"])
    assert "李雷" in "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())
    assert core.messenger.verbs().count("update") == 2


async def test_an_update_leaves_the_card_to_a_later_one_that_waits(core: CoreHarness) -> None:
    run = await core.finished_run()
    for cause in ("a", "b", "c"):
        await core.delivery.refresh_cards(run, cause)
    await core.do_jobs()
    assert core.messenger.verbs().count("update") == 1
    skipped = [job.result.get("skipped") for job in await core.store.find_jobs(kind="update")]
    assert skipped == ["a later update follows"] * 2 + [None]


def test_updates_of_one_card_that_met_do_not_meet_again() -> None:
    waits = [_jittered_interval(f"update:r{number}:group:cidA") for number in range(50)]
    assert all(timedelta(seconds=1) <= wait < timedelta(seconds=2) for wait in waits)
    assert len(set(waits)) > 40
    assert _jittered_interval("update:r0:group:cidA") == waits[0]


@pytest.mark.parametrize("part", [None, 1, 2])
def test_a_file_is_confirmed_by_the_same_part_or_the_whole(part: int | None) -> None:
    def file(id_: str, state: JobState, **payload: object) -> Job:
        return make_job(id=id_, kind="file", run_id="r1", state=state, payload=payload)

    place = str(GROUP)
    first = file("file:r1:group:cidA:part1", JobState.UNCONFIRMED, destination=place, part=1)
    later = file("file:r1:group:cidA:m", JobState.DONE, destination=place, **({"part": part} if part else {}))
    other_part = part == 2
    assert has_unconfirmed_file([first, later], GROUP) is other_part
    assert replacements([first, later]) == ({} if other_part else {first.id: later.id})
    assert not has_unconfirmed_file([first, later], Destination.parse("group:cidB"))
