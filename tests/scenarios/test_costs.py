"""What a run costs is held: three calls with a file, one without, none for a reply (design: cost per run)."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.models import Destination, QuotaKind
from bot.quota.budget import month_of
from bot.stores.sqlite.quota import SqliteQuotaStore
from tests.factories import make_message
from tests.scenarios.fault_injection import GROUP, World, world
from tests.scenarios.faults import Fault

HERE = Destination.parse(f"group:{GROUP}")
PERSON = Destination.parse("user:user01")


async def live(case: World, **schedule: object) -> dict[str, int]:
    """One run, asked for in the group; the calls that DingTalk has counted."""
    engine = case.bots[0].core.engine
    engine.known[:] = [replace(engine.known[0], **({"send_to": (HERE,)} | schedule))]  # type: ignore[arg-type]
    await case.live()
    booked = case.sandbox.state.monthly_usage[month_of(case.bots[0].core.clock())]
    return {f"{bucket}": count for bucket, count in booked.items()}


@pytest.mark.parametrize(
    ("schedule", "calls"),
    [
        ({}, 3),
        ({"export": False}, 1),
        ({"send_to": (HERE, PERSON)}, 5),
        ({"send_to": (HERE, PERSON), "export": False}, 2),
        ({"notify_enable": False}, 0),
        ({"start_notice": True}, 4),
        ({"start_notice": True, "export": False}, 2),
    ],
    ids=[
        "card upload file",
        "card",
        "one upload for two places",
        "two cards",
        "told nobody",
        "start",
        "start, no file",
    ],
)
async def test_a_run_costs(tmp_path: Path, schedule: dict[str, object], calls: int) -> None:
    async with world(tmp_path, Fault()) as case:
        assert (await live(case, **schedule)).get("api", 0) == calls


async def test_what_we_book_is_what_dingtalk_counts(tmp_path: Path) -> None:
    async with world(tmp_path, Fault()) as case:
        places = (HERE, PERSON, Destination.parse("webhook:default"), Destination.parse("work:user01"))
        counted = await live(case, send_to=places)
        core = case.bots[0].core
        booked = await SqliteQuotaStore(core.store).usage(month_of(core.clock()))
        assert booked == {QuotaKind.API: counted["api"], QuotaKind.STREAM: counted["stream_webhook"]}


async def test_a_reply_costs_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, Fault()) as case:
        hook, _ = case.sandbox.state.open_session(GROUP, case.sandbox.state.scenario.apps[0])
        for words in ("帮助", "状态", "计划", "额度", "凭据"):
            await case.bots[0].core.hear(make_message(words, conversation_id=GROUP, session_webhook=hook))
        assert sum(case.sandbox.state.monthly_usage[month_of(case.bots[0].core.clock())].values()) == 0
