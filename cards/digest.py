"""Prepare the values of a digest, a card that many runs share, for its template. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.models import Run
from cards.summary import MARK_SUCCESS, SummaryView, list_highlights


@dataclass(frozen=True, kw_only=True)
class LineDetail:
    """Level of detail of a line, and the space that it may take."""

    characters: int  # of its schedule's name
    took: bool = False
    hint: bool = True  # says why the runs share a card


LINE_DETAILS = (
    LineDetail(characters=40, took=True),
    LineDetail(characters=24),
    LineDetail(characters=10, hint=False),
)
"""From the most to the least; a digest takes the first that fits."""


def digest_values(
    runs: Sequence[Run],
    detail: LineDetail | None,
    unconfirmed: Collection[str] = (),
    *,
    quiet: bool = False,
) -> Mapping[str, object]:
    """Return the variables of `digest.md`; without `detail`, those of its title.

    `quiet`: the runs waited for the end of quiet hours.
    """
    views = [SummaryView(run=run, report=None) for run in runs]
    return {
        "title_only": detail is None,
        "detail": detail,
        "quiet": quiet,
        "troubled": sum(each.mark != MARK_SUCCESS for each in views),
        "lines": [_line(each, each.run.id in unconfirmed) for each in views],
    }


def _line(view: SummaryView, unconfirmed: bool) -> Mapping[str, object]:
    run = view.run
    return {
        "run": run,
        "mark": view.mark,
        "highlights": list_highlights(run),
        "kind": view.kind,
        "name": run.schedule_name,
        "counts": view.counts,
        "turned": view.turned,
        "streak": view.streak,
        "failed": view.counts.error + view.counts.missing,
        "took": run.end_time - run.start_time if run.end_time else None,
        "unconfirmed": unconfirmed,
    }
