"""The demo's wrapped script as a newcomer meets it: it fails, is run again from its card, and recovers."""

from pathlib import Path

import aiohttp

from bot.cli.demo.backup_drill import NAME
from tests.scenarios.conftest import Chat, Json, until
from tests.scenarios.demos import running

ADMIN = "manager01"


async def cards(chat: Chat) -> list[Json]:
    return [card for card in await chat.messages("card") if NAME in card["variables"]["title"]]


async def has_cards(chat: Chat, number: int) -> bool:
    return len(await cards(chat)) >= number


async def test_a_failed_backup_is_run_again_from_its_card_and_recovers(tmp_path: Path) -> None:
    async with running(tmp_path) as demo, aiohttp.ClientSession() as session:
        chat = Chat(demo, session)
        await until(lambda: has_cards(chat, 1))
        (failed,) = await cards(chat)
        assert "磁盘已满" in failed["variables"]["failures"]
        await chat.tap(failed, "rerun", ADMIN)
        await until(lambda: has_cards(chat, 2))
        recovered = (await cards(chat))[-1]["variables"]
        assert "恢复" in recovered["title"] + recovered["verdict"]
        assert "数据库" in recovered["verdict"]
        assert await demo.terminated() == 0
