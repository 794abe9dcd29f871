"""Consequences of finished jobs, also when the process dies before they follow."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.delivery.consequences import has_unconfirmed_file, replacements
from bot.delivery.plan import card_id
from bot.errors import PermanentError, TemporaryError
from bot.models import Destination, ExportStatus, Job, JobState, PushStatus, RenderedCard, Run
from bot.reports.link_tokens import LinkPolicy
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_job, make_message
from tests.scenarios.faults import Killed

LOST = TemporaryError("no answer", uncertain=True)
BUSY = [TemporaryError("busy")] * 99


class Death:
    """Kills the process right after the end of a job of one kind is stored; the next one starts clean."""

    def __init__(self, desk: CoreHarness, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        self.deaths = 0
        save = desk.store.save_job

        async def save_and_die(job: Job) -> bool:
            kept = await save(job)
            if kept and job.kind == kind and job.state.ended and not self.deaths:
                self.deaths += 1
                raise Killed(f"after the end of {job.id}")
            return kept

        monkeypatch.setattr(desk.store, "save_job", save_and_die)


Kill = Callable[[str], Death]


@pytest.fixture
def kill(desk: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> Kill:
    return lambda kind: Death(desk, monkeypatch, kind)


async def live(desk: CoreHarness, death: Death, work: Callable[[], Awaitable[object]]) -> None:
    """Work until the process dies, then start another one on the same store."""
    with pytest.raises(Killed):
        await work()
    assert death.deaths == 1
    desk.build()
    await desk.reconciler.run()
    for _ in range(3):
        desk.clock.turn(seconds=61)
        await desk.do_jobs()


async def finish(desk: CoreHarness) -> Run:
    run = await desk.trigger()
    await desk.finish()
    return await desk.run(run.id)


async def only_run(desk: CoreHarness) -> Run:
    (run,) = await desk.store.find_runs()
    return run


async def shown(desk: CoreHarness) -> str:
    run = await only_run(desk)
    return "".join(desk.messenger.cards[card_id(run.id, GROUP)].params.values())


async def test_the_card_says_that_its_file_is_unconfirmed(desk: CoreHarness, kill: Kill) -> None:
    desk.messenger.trouble_with["file"] = [LOST]
    await live(desk, kill("file"), lambda: finish(desk))
    assert '"resend"' in await shown(desk)


@pytest.mark.parametrize("how", ["报告", "重发"])
async def test_the_card_says_so_no_longer_once_the_file_came(desk: CoreHarness, kill: Kill, how: str) -> None:
    desk.messenger.trouble_with["file"] = [LOST]
    run = await finish(desk)
    assert '"resend"' in await shown(desk)
    await live(desk, kill("file"), lambda: desk.say(f"{how} {run.id}"))
    assert '"resend"' not in await shown(desk)
    assert await desk.context.delivery.resender.undelivered() == []


async def test_the_card_offers_to_call_a_link_back(desk: CoreHarness, kill: Kill) -> None:
    desk.max_bytes, desk.terms = 1, LinkPolicy(public_url="https://dingrun.example")
    desk.build()
    await live(desk, kill("file"), lambda: finish(desk))
    assert '"revoke"' in await shown(desk)


async def test_a_message_goes_instead_of_a_card_that_was_given_up(desk: CoreHarness, kill: Kill) -> None:
    desk.messenger.trouble_with["card"] = list(BUSY)

    async def give_up() -> None:
        await finish(desk)
        for _ in range(30):
            desk.clock.turn(seconds=800)
            await desk.do_jobs()

    await live(desk, kill("card"), give_up)
    assert "note" in desk.messenger.verbs()


async def test_the_push_status_of_the_run_is_repaired(desk: CoreHarness, kill: Kill) -> None:
    await live(desk, kill("card"), lambda: finish(desk))
    assert (await only_run(desk)).push_status is PushStatus.SUCCESS


async def test_the_push_status_is_repaired_after_a_message(desk: CoreHarness, kill: Kill) -> None:
    desk.messenger.trouble = [PermanentError("no card"), PermanentError("no robot")]
    run = await finish(desk)
    assert run.push_status is PushStatus.ERROR
    desk.clock.turn(seconds=3601)
    await live(desk, kill("note"), lambda: desk.say(f"重发 {run.id}"))
    assert (await only_run(desk)).push_status is PushStatus.SUCCESS


async def test_the_export_status_is_repaired_after_a_dead_export(desk: CoreHarness, kill: Kill) -> None:
    desk.exporter.trouble = [PermanentError("no such engine")]
    await live(desk, kill("export"), lambda: finish(desk))
    run = await only_run(desk)
    assert (run.export_status, run.export_error) == (ExportStatus.ERROR, "no such engine")


async def test_a_card_sent_before_the_export_is_updated(desk: CoreHarness, kill: Kill) -> None:
    desk.exporter.trouble = [TemporaryError("disk full", retry_after=100)]

    async def wait_for_report() -> None:
        await finish(desk)
        for _ in range(2):
            desk.clock.turn(seconds=70)
            await desk.do_jobs()

    await live(desk, kill("export"), wait_for_report)
    assert ".xlsx" in await shown(desk)
    assert desk.messenger.verbs().count("update") == 1


async def test_a_dead_reply_is_announced_to_the_person_who_asked(desk: CoreHarness, kill: Kill) -> None:
    async def refuses(**_: object) -> list[Run]:
        raise TemporaryError("the store is away")

    desk.store.find_runs = refuses  # type: ignore[method-assign]

    async def give_up() -> None:
        await desk.intake.receive_message(make_message("状态"))
        for _ in range(30):
            desk.clock.turn(seconds=800)
            await desk.do_jobs()

    death = kill("message")
    with pytest.raises(Killed):
        await give_up()
    del desk.store.find_runs
    desk.build()
    await desk.reconciler.run()
    assert death.deaths == 1
    assert await desk.store.find_jobs(kind="delay", states={JobState.TODO})


async def test_a_calm_run_needs_no_repair(desk: CoreHarness) -> None:
    await desk.finished_run()
    before = len(await desk.store.find_jobs())
    for _ in range(2):
        await desk.reconciler.run()
    assert len(await desk.store.find_jobs()) == before


async def test_the_lookback_covers_an_outage_of_any_length(desk: CoreHarness, kill: Kill) -> None:
    await desk.reconciler.run()
    desk.messenger.trouble_with["file"] = [LOST]
    kill("file")
    with pytest.raises(Killed):
        await finish(desk)
    desk.clock.turn(seconds=9 * 86_400)
    desk.build()
    await desk.reconciler.run()
    await desk.do_jobs()
    assert '"resend"' in await shown(desk)


async def test_a_job_that_cannot_be_read_holds_up_no_other_run(
    desk: CoreHarness, kill: Kill, caplog: pytest.LogCaptureFixture
) -> None:
    odd = await desk.finished_run()
    bad = {"kind": "card", "run_id": odd.id, "state": JobState.DONE, "payload": {"destination": "nowhere"}}
    await desk.store.add_job(make_job(id="card:odd", ended_at=desk.clock(), **bad))
    desk.messenger.trouble_with["file"] = [LOST]
    kill("file")
    with pytest.raises(Killed):
        await finish(desk)
    desk.build()
    await desk.reconciler.run()
    assert await desk.store.find_jobs(kind="update")
    assert odd.id in caplog.text


async def test_all_undelivered_jobs_are_counted(desk: CoreHarness) -> None:
    """Metrics and status read the 200 oldest jobs of any kind, and then looked for deliveries among them."""
    for number in range(250):
        kind = "export" if number % 2 else "message"
        await desk.store.add_job(make_job(id=f"old{number}", kind=kind, state=JobState.DEAD))
    desk.messenger.trouble_with["file"] = [LOST]
    await desk.finished_run()
    deliveries = desk.context.delivery.resender
    assert [job.kind for job in await deliveries.undelivered()] == ["file"]
    assert await deliveries.count_undelivered() == {JobState.DEAD: 0, JobState.UNCONFIRMED: 1}


async def test_every_delivery_in_trouble_is_counted(desk: CoreHarness) -> None:
    for number in range(250):
        await desk.store.add_job(make_job(id=f"file:{number}", kind="file", state=JobState.UNCONFIRMED))
    counted = await desk.context.delivery.resender.count_undelivered()
    assert counted[JobState.UNCONFIRMED] == 250


Slow = tuple[Run, asyncio.Event, asyncio.Task[int]]


async def slow_update(desk: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> Slow:
    """A run whose card a bot is updating: it has read what it shows, and sends it when it is let go."""
    run, go_on = await desk.finished_run(), asyncio.Event()
    update, began = desk.messenger.update_card, asyncio.Event()

    async def slow(card_id: str, card: RenderedCard) -> None:
        monkeypatch.setattr(desk.messenger, "update_card", update)
        began.set()
        await go_on.wait()
        await update(card_id, card)

    monkeypatch.setattr(desk.messenger, "update_card", slow)
    await desk.delivery.refresh_cards(run, "something")
    task = asyncio.create_task(desk.jobs.run_due(["update"]))
    await began.wait()
    return run, go_on, task


async def test_a_slow_update_does_not_overwrite_a_newer_one_of_another_bot(
    desk: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, go_on, task = await slow_update(desk, monkeypatch)
    other = CoreHarness(store=desk.store, clock=desk.clock, folder=desk.folder, messenger=desk.messenger)
    await other.delivery.announce_rerun(run, "李雷")
    await other.jobs.run_due(["update"])
    go_on.set()
    await task
    desk.clock.turn(seconds=5)
    await other.jobs.run_due(["update"])
    assert "李雷" in await shown(desk)
    assert desk.messenger.verbs().count("update") == 2


async def test_an_update_leaves_the_card_to_a_later_one_that_waits(desk: CoreHarness) -> None:
    run = await desk.finished_run()
    for cause in ("a", "b", "c"):
        await desk.delivery.refresh_cards(run, cause)
    await desk.do_jobs()
    assert desk.messenger.verbs().count("update") == 1
    skipped = [job.result.get("skipped") for job in await desk.store.find_jobs(kind="update")]
    assert skipped == ["a later update follows"] * 2 + [None]


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
