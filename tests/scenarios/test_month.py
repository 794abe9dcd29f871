"""A month's calls are enough to tell every run, and DingTalk never has to refuse one."""

from pathlib import Path

import pytest

from bot.models import QuotaKind
from tests.scenarios.month_simulation import Scale, booked, month

TENTH = Scale(runs_per_day=20, api=500, stream_webhook=300)
"""Of 200 runs a day on 5,000 + 3,000 calls; `python -m benchmarks.month` lives through the whole of it."""


@pytest.mark.parametrize("beside", [True, False], ids=["with a robot beside", "without"])
async def test_every_run_of_a_busy_month_is_told_and_no_call_is_refused(tmp_path: Path, beside: bool) -> None:
    async with month(tmp_path, TENTH, beside=beside) as case:
        runs = await case.live(TENTH)
        assert await case.untold(runs) == []
        assert case.refused() == {}
        spent = await booked(case)
        assert TENTH.api * 0.9 < spent[QuotaKind.API] <= TENTH.api
        assert spent[QuotaKind.API] == case.counted()[QuotaKind.API]


async def test_a_quiet_month_lacks_nothing(tmp_path: Path) -> None:
    async with month(tmp_path, TENTH, beside=False) as case:
        quiet = Scale(runs_per_day=1, api=500, stream_webhook=300)
        runs = await case.live(quiet)
        kinds = [
            message.kind for message in case.sandbox.state.conversations.messages("cidSandboxGroupOps==")
        ]
        assert kinds.count("card") == kinds.count("file") == len(runs)
