"""Test the command `凭据` / `proof`."""

from bot.errors import TemporaryError
from bot.reports.downloads import HttpClient
from bot.stores.sqlite.links import SqliteLinks
from tests.conftest import CoreHarness
from tests.factories import make_link


async def test_the_audit_trail_of_a_run_is_shown(core: CoreHarness) -> None:
    run = await core.finished_run()
    answer = await core.say(f"凭据 {run.id}")
    assert run.id in answer
    assert all(step in answer for step in ("提交任务", "生成报告", "卡片", "文件"))
    assert "message1" in answer


async def test_an_unconfirmed_delivery_is_told_with_its_reason(core: CoreHarness) -> None:
    core.messenger.trouble = [None, None, TemporaryError("answer lost", uncertain=True)]
    await core.finished_run()
    answer = await core.say("proof")
    assert "未确认" in answer
    assert "answer lost" in answer


async def test_it_shows_who_asked_for_a_resend(core: CoreHarness) -> None:
    core.messenger.trouble = [None, None, TemporaryError("answer lost", uncertain=True)]
    run = await core.finished_run()
    await core.say("重发")
    assert "user01" in await core.say(f"凭据 {run.id}")


async def test_an_unknown_run_is_said(core: CoreHarness) -> None:
    assert "r0" in await core.say("凭据 r0")


async def test_resumed_downloads_are_shown(core: CoreHarness) -> None:
    run = await core.finished_run()
    link, client = make_link(run_id=run.id), HttpClient.from_headers("192.0.2.7", "curl/8.5.0")
    await SqliteLinks(core.store).add_link(link)
    await core.download_log.start(link, client)
    for _ in range(2):
        await core.download_log.resume(link, client)
    assert "，续传 2 次" in await core.say(f"凭据 {run.id}")


async def test_downloads_by_link_are_shown(core: CoreHarness) -> None:
    run = await core.finished_run()
    link = make_link(run_id=run.id)
    await SqliteLinks(core.store).add_link(link)
    assert await core.download_log.start(link, HttpClient.from_headers("192.0.2.77", "curl/8.5.0"))
    answer = await core.say(f"凭据 {run.id}")
    assert "192.0.2.77" in answer
    assert "curl" in answer


async def test_the_id_of_a_run_is_taken_in_capitals(core: CoreHarness) -> None:
    run = await core.finished_run()
    assert "没有编号" not in await core.say(f"凭据 {run.id.upper()}")
