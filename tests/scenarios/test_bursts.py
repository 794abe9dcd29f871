"""Many runs that end together, on two bots: few messages, each run told once, nothing throttled."""

import random
from collections import Counter
from pathlib import Path

from tests.scenarios.fault_injection import GROUP, PERSON, ROBOT_GROUP, World, world
from tests.scenarios.faults import Fault

MANY = 30


def texts(case: World, place: str) -> list[str]:
    """What people read in a place, message by message; of a card its variables."""
    cards = case.sandbox.state.cards
    messages = [
        each
        for each in case.sandbox.state.conversations.messages(place)
        if "开始重跑" not in str(each.content)
    ]
    shown = [each for each in messages if each.kind != "file" and each.content.get("msgtype") != "file"]
    return [str(cards[each.out_track_id].public if each.out_track_id else each.content) for each in shown]


async def test_a_burst_is_told_in_few_messages_and_refused_nothing(tmp_path: Path) -> None:
    async with world(tmp_path, Fault(), bots=2, asked=MANY) as case:
        case.choice = random.Random(7)  # noqa: S311 - which bot works when, no secret in it
        await case.live()
        runs = [run.id for run in await case.runs()]
        assert len(runs) == MANY
        for place in (GROUP, ROBOT_GROUP, PERSON):
            said = texts(case, place)
            told = Counter(run for run in runs for text in said if run in text)
            assert told == dict.fromkeys(runs, 1), place
            assert len(said) < MANY
        assert dict(case.sandbox.state.error_counts) == {}
