"""Reports sent as one file, as a link or in parts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.delivery.plan import card_id
from bot.errors import TemporaryError
from bot.messengers.dingtalk.work_notification import CAPABILITIES
from bot.models import Destination, Job, JobState, QuotaKind
from bot.quota.budget import Budget
from bot.reports.link_tokens import LinkPolicy
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_report, make_schedule
from tests.fakes import FakeMessenger

TERMS = LinkPolicy(public_url="https://run.example.com", ttl=timedelta(hours=1))
PERSON = Destination.parse("user:user01")


@pytest.fixture
def small(core: CoreHarness) -> CoreHarness:
    """A core whose reports (23 bytes) are too big for one file."""
    core.max_bytes = 10
    core.build()
    return core


@pytest.fixture
def linked(small: CoreHarness) -> CoreHarness:
    """The same with an address that people reach."""
    small.terms = TERMS
    small.build()
    return small


async def files(core: CoreHarness) -> list[Job]:
    return list(await core.store.find_jobs(kind="file"))


def urls(core: CoreHarness) -> list[str]:
    notes = [what for verb, _, what in core.messenger.sent if verb == "note"]
    return [note.partition("](")[2].partition(")")[0] for note in notes]


def test_a_work_notification_takes_less_than_a_robot(core: CoreHarness) -> None:
    before = core.context.delivery.files
    core.max_bytes = 20 * 1024 * 1024
    core.build()
    big = make_report(size=(CAPABILITIES.max_file_bytes or 0) + 1)
    assert core.context.delivery.files.fits(big, GROUP)
    assert not core.context.delivery.files.fits(big, Destination.parse("work:user01"))
    assert not before.fits(big, GROUP)


async def test_files_due_at_the_same_moment_share_one_upload(core: CoreHarness) -> None:
    core.schedule = make_schedule(notify_enable=True, send_to=(GROUP, PERSON))
    await core.trigger()
    core.engine.end_all()
    await core.watcher.tick()
    await core.jobs.run_due(["export", "card"])
    await asyncio.gather(core.jobs.run_due(["file"]), core.jobs.run_due(["file"]))
    assert sorted(core.messenger.verbs()) == ["card", "card", "file", "file", "upload"]


async def test_too_big_is_a_link_where_there_is_a_public_address(linked: CoreHarness) -> None:
    await linked.finished_run()
    assert linked.messenger.verbs() == ["card", "note", "update"]
    (url,) = urls(linked)
    assert url.startswith("https://run.example.com/reports/l")


async def test_each_destination_has_a_link_of_its_own(linked: CoreHarness) -> None:
    linked.schedule = make_schedule(notify_enable=True, send_to=(GROUP, PERSON))
    await linked.trigger()
    await linked.finish()
    assert len(set(urls(linked))) == 2


async def test_the_card_under_which_a_link_went_can_call_it_back(linked: CoreHarness) -> None:
    run = await linked.finished_run()
    assert '"revoke"' in "".join(linked.messenger.cards[card_id(run.id, GROUP)].params.values())


async def test_a_link_whose_answer_was_lost_is_not_sent_twice(linked: CoreHarness) -> None:
    linked.messenger.trouble = [None, TemporaryError("answer lost", uncertain=True)]
    await linked.finished_run()
    linked.clock.turn(seconds=60)
    await linked.do_jobs()
    assert linked.messenger.verbs() == ["card", "update"]
    assert [job.state for job in await files(linked)] == [JobState.UNCONFIRMED]


async def test_a_link_that_was_revoked_meanwhile_is_not_sent(linked: CoreHarness) -> None:
    linked.messenger.trouble = [None, TemporaryError("too fast", retry_after=30)]
    run = await linked.finished_run()
    assert await linked.links.revoke(run.id) == 1
    linked.clock.turn(seconds=60)
    await linked.do_jobs()
    assert linked.messenger.verbs() == ["card"]
    assert [job.result["skipped"] for job in await files(linked)] == ["its link was revoked"]


async def test_too_big_without_an_address_comes_in_parts(small: CoreHarness) -> None:
    await small.finished_run()
    assert small.messenger.verbs() == ["card", *["upload"] * 3, *["file"] * 3]
    names = [what for verb, _, what in small.messenger.sent if verb == "file"]
    assert [name[-8:] for name in names] == ["1-3.xlsx", "2-3.xlsx", "3-3.xlsx"]
    assert all(name.count(".xlsx") == 1 for name in names)
    whole, *parts = await files(small)
    assert [job.id for job in parts] == [f"{whole.id}:part{number}" for number in (1, 2, 3)]


async def test_parts_are_cut_and_uploaded_once_for_all(small: CoreHarness) -> None:
    small.schedule = make_schedule(notify_enable=True, send_to=(GROUP, PERSON))
    await small.trigger()
    await small.finish()
    await small.say("最近报告")
    assert small.messenger.verbs().count("upload") == 3
    assert small.messenger.verbs().count("file") == 9


async def test_a_part_of_which_nobody_knows_holds_up_no_other(small: CoreHarness) -> None:
    lost = TemporaryError("answer lost", uncertain=True)
    small.messenger.trouble = [*[None] * 5, lost]
    await small.finished_run()
    small.clock.turn(seconds=60)
    await small.do_jobs()
    states = {job.id.rpartition(":")[2]: job.state for job in await files(small)}
    assert states["part2"] is JobState.UNCONFIRMED
    assert (states["part1"], states["part3"]) == (JobState.DONE, JobState.DONE)
    assert small.messenger.verbs().count("file") == 2


async def test_an_upload_that_fails_is_tried_again_from_the_start(small: CoreHarness) -> None:
    small.messenger.trouble = [None, None, TemporaryError("no answer")]
    await small.finished_run()
    small.clock.turn(seconds=60)
    await small.do_jobs()
    assert small.messenger.verbs().count("file") == 3


async def test_a_webhook_robot_gets_a_link_instead_of_a_file(core: CoreHarness) -> None:
    core.terms = TERMS
    core.schedule = make_schedule(notify_enable=True, send_to=(Destination.parse("webhook:ops"),))
    core.build()
    run = await core.trigger()
    await core.finish()
    ((verb, _, text),) = core.messenger.sent
    assert (verb, "](https://run.example.com/reports/l" in text) == ("note", True)
    assert await core.links.has_valid_link(run.id)


async def test_when_calls_run_out_the_card_has_the_link_and_can_call_it_back(core: CoreHarness) -> None:
    core.terms, core.budget = TERMS, Budget(limits={QuotaKind.API: 100})
    core.build()
    await SqliteQuotaStore(core.store).add_usage("2026-11", QuotaKind.API, 90)
    run = await core.finished_run()
    assert core.messenger.verbs() == ["card"]
    shown = "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())
    assert "](https://run.example.com/reports/l" in shown
    assert '"revoke"' in shown


async def test_no_link_is_issued_where_the_file_is_sent(core: CoreHarness) -> None:
    core.terms = TERMS
    core.build()
    run = await core.finished_run()
    assert core.messenger.verbs() == ["card", "upload", "file"]
    assert not await core.links.has_valid_link(run.id)


async def test_a_report_made_again_meanwhile_is_not_written_over(core: CoreHarness) -> None:
    run = await core.finished_run()
    old = await core.reports.find_record(run.id)
    assert old is not None
    await core.store.save_report(replace(old, sha256="1" * 64, media_id=""))
    with pytest.raises(TemporaryError, match="exported again"):
        await core.context.delivery.files._uploaded(old, core.messenger, "")
    assert (await core.store.find_reports(run_id=run.id))[0].sha256 == "1" * 64


ELSEWHERE = Destination.parse("group:cidB#second")


def with_two_apps(core: CoreHarness) -> FakeMessenger:
    """Send to a group of another app as well, and return the messenger of that app."""
    second = FakeMessenger()
    core.apps = {"second": second}
    core.schedule = make_schedule(notify_enable=True, send_to=(GROUP, ELSEWHERE))
    core.build()
    return second


async def test_each_app_uploads_the_report_itself(core: CoreHarness) -> None:
    second = with_two_apps(core)
    await core.trigger()
    await core.finish()
    assert core.messenger.verbs() == ["card", "upload", "file"]
    assert second.verbs() == ["card", "upload", "file"]


async def test_each_app_uploads_the_parts_itself(small: CoreHarness) -> None:
    second = with_two_apps(small)
    await small.trigger()
    await small.finish()
    assert small.messenger.verbs().count("upload") == 3
    assert second.verbs().count("upload") == 3
