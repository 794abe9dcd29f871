"""`dingrun export` shows its progress."""

import asyncio
import io
from pathlib import Path

from rich.console import Console

from bot.cli.export import expected_assets, export_with_progress_bar
from bot.models import Findings, TaskCounts
from bot.ports import ReportInput
from tests.factories import make_run
from tests.fakes import FakeExporter
from tests.workbooks import ended_run, run_before

REPORT_INPUT = ReportInput(
    run=ended_run(task_counts=TaskCounts(total=1, found={"site": 3, "ip": 4})), earlier=(run_before(),)
)


class SlowExporter(FakeExporter):
    """Ends once the terminal shows the progress."""

    def __init__(self, screen: io.StringIO, shown: str) -> None:
        super().__init__()
        self.screen, self.shown = screen, shown

    async def export(self, report_input: ReportInput, path: Path) -> Findings:
        self.under_way[report_input.run.id] = 5
        async with asyncio.timeout(10):
            while self.shown not in self.screen.getvalue():  # noqa: ASYNC110 - the bar is drawn in its own time
                await asyncio.sleep(0.01)
        return await super().export(report_input, path)


async def test_the_bar_shows_assets_read_of_all_that_were_counted(tmp_path: Path) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    findings = await export_with_progress_bar(
        SlowExporter(screen, "5/9"), REPORT_INPUT, tmp_path / "r.xlsx", console=console
    )
    assert findings.rows == 3


def test_both_runs_are_expected() -> None:
    assert expected_assets(REPORT_INPUT) == 9
    assert expected_assets(ReportInput(run=make_run())) is None
