"""What the template of a digest is told of its runs, in more or less detail. Pure; the words are its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.models import Run
from cards.summary import WELL, SummaryView, highlights_of


@dataclass(frozen=True, kw_only=True)
class Line:
    """How much is said of each run."""

    characters: int  # of its schedule's name
    took: bool = False
    hint: bool = True  # why they share a card


LINES = (Line(characters=40, took=True), Line(characters=24), Line(characters=10, hint=False))
"""From all there is to say to the least; a digest takes the first that fits."""


def digest_values(
    runs: Sequence[Run], detail: Line | None, unconfirmed: Collection[str] = ()
) -> Mapping[str, object]:
    """The variables of `digest.md`; without `detail` those of its title."""
    ended = [SummaryView(run=run, report=None) for run in runs]
    return {
        "title_only": detail is None,
        "detail": detail,
        "troubled": sum(each.mark != WELL for each in ended),
        "lines": [_line(each, each.run.id in unconfirmed) for each in ended],
    }


def _line(ended: SummaryView, unconfirmed: bool) -> Mapping[str, object]:
    run = ended.run
    return {
        "id": run.id,
        "mark": ended.mark,
        "highlights": highlights_of(run),
        "kind": ended.kind,
        "name": run.schedule_name,
        "total": ended.tally.total,
        "failed": ended.tally.error + ended.tally.missing,
        "took": run.end_time - run.start_time if run.end_time else None,
        "unconfirmed": unconfirmed,
    }
