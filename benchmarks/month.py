"""A month of runs on a month's calls: `python -m benchmarks.month [--runs 200]`; takes some minutes."""

import asyncio
import logging
import tempfile
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.scenarios.month_simulation import GROUP, Month, Scale, booked, month

HEADINGS = (
    "robot beside",
    "runs",
    "not told",
    "refused",
    "api",
    "webhook & stream",
    "cards",
    "digests",
    "files",
)


async def row(folder: Path, scale: Scale, *, beside: bool) -> list[str]:
    async with month(folder, scale, beside=beside) as case:
        runs = await case.live(scale)
        untold, spent = await case.untold(runs), await booked(case)
        return [
            "yes" if beside else "no",
            f"{len(runs)}",
            f"{len(untold)}",
            f"{sum(case.refused().values())}",
            *(f"{spent.get(bucket, 0)}" for bucket in ("api", "stream_webhook")),
            *shown(case),
        ]


def shown(case: Month) -> list[str]:
    kinds = Counter(message.kind for message in case.sandbox.state.conversations.messages(GROUP))
    digests = sum(card.startswith("digest-") for card in case.sandbox.state.cards)
    return [f"{kinds['card'] - digests}", f"{digests}", f"{kinds['file']}"]


@click.command()
@click.option("--runs", default=200, show_default=True, help="Runs a day.")
def main(runs: int) -> None:
    """Live through a month with a webhook robot beside the group, and through one without."""
    logging.disable(logging.CRITICAL)
    scale = Scale(runs_per_day=runs)
    table = Table(*HEADINGS, title=f"{runs} runs a day, {scale.api} + {scale.stream_webhook} calls")
    with tempfile.TemporaryDirectory() as name:
        for beside in (True, False):
            table.add_row(*asyncio.run(row(Path(name) / f"{beside}", scale, beside=beside)))
    Console().print(table)


if __name__ == "__main__":
    main()
