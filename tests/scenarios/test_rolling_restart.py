"""Two bots restarted one after the other while runs are asked for: nothing is lost, nothing is doubled."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

from bot.cli.demo.sample_sites import SampleSites
from dingtalk_sandbox import Sandbox
from tests.scenarios.conftest import GROUP, Chat, Service, service_on, settings, until
from tests.scenarios.test_two_bots import stuck, told_on_a_timeout, unconfirmed

SCHEDULES = 12
EXIT_WITHIN = 10  # seconds


async def ask(chat: Chat, number: int) -> None:
    said = {"conversation": GROUP, "user": "user01", "text": f"@DingRun 重跑 计划{number}"}
    await chat.post("say", said)


async def stop(bot: Service) -> float:
    """Ask a bot to stop; how long it took, in seconds."""
    started = time.monotonic()
    assert await bot.end(signal.SIGTERM) == 0
    return time.monotonic() - started


async def restart(bot: Service, chat: Chat, opened: int) -> float:
    took = await stop(bot)
    await bot.start()
    await until(lambda: chat.opened(opened))
    return took


async def test_a_rolling_restart_under_load_loses_and_doubles_nothing(
    sandbox: Sandbox, chat: Chat, neighbours: SampleSites, tmp_path: Path
) -> None:
    values = settings(sandbox, neighbours.targets)
    (first,) = values["schedules"]
    values["schedules"] = [first | {"name": f"计划{number}"} for number in range(SCHEDULES)]
    values["notify"] = {"cards_per_minute": SCHEDULES}
    await chat.post("settings", {"redeliver_after": 1, "redeliver_limit": 60, "qps": 0})
    bots = [service_on(values, tmp_path) for _ in range(2)]

    async def settled() -> bool:
        return not stuck(tmp_path)

    async def load() -> None:
        for number in range(SCHEDULES):
            await ask(chat, number)
            await asyncio.sleep(0.5)  # people do not ask all at once

    with told_on_a_timeout(bots, tmp_path):
        for bot in bots:
            await bot.start()
        await until(lambda: chat.opened(2))
        asking = asyncio.create_task(load())
        stops = []
        for number, bot in enumerate(bots):
            await chat.wait("card", 1 + 4 * number)  # in the middle of the work
            stops.append(await restart(bot, chat, 3 + number))
        await asking
        await chat.wait("card", SCHEDULES)
        await until(settled)
        stops += [await stop(bot) for bot in bots]
    assert max(stops) < EXIT_WITHIN
    cards = Counter(str(card["variables"]["title"]) for card in await chat.messages("card"))
    assert (len(cards), set(cards.values())) == (SCHEDULES, {1})
    assert len(await chat.messages("file")) == SCHEDULES
    assert unconfirmed(tmp_path, "file") == unconfirmed(tmp_path, "message") == 0
