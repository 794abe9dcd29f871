"""What the templates are told of an ended run, in more or less detail. Pure; the words are theirs."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.assets.kinds import INCLUDED_IN, by_importance
from bot.downloads import IssuedLink
from bot.models import ExportStatus, Failure, KindSummary, Report, Run, RunStatus, TaskCounts, TaskStatus
from cards.escaping import Markup

ERROR_CHARACTERS = 300  # of why a run came to nothing

TYPED_CHARACTERS = 40  # of a name that people are asked to type; the run's id names its schedule as well

_WORST_FIRST = {TaskStatus.ERROR: 0, TaskStatus.MISSING: 1, TaskStatus.STOP: 2}
WELL, STOPPED, LOOK, ALARM = "✅", "⏹️", "⚠️", "🔴"  # nothing needs a look … something new does
MARKS = {"error": "❌", "running": "⏳"}
SOUNDING = ("vuln", "nuclei_result", "fileleak")  # kinds to look at, where only the engine has counted
MEANS_OTHERWISE = frozenset({"service"})  # of the engine's counts: names of services, not open ports


@dataclass(frozen=True, kw_only=True)
class DetailLevel:
    """How much of the lists is shown."""

    failures: int
    characters: int  # of a failure's target, and of its reason
    ids: int
    text: int = ERROR_CHARACTERS  # characters of the reasons of a run or an export


DETAIL_LEVELS = (
    DetailLevel(failures=5, characters=120, ids=3),
    DetailLevel(failures=5, characters=60, ids=3, text=200),
    DetailLevel(failures=3, characters=40, ids=1, text=100),
    DetailLevel(failures=1, characters=30, ids=0, text=60),
    DetailLevel(failures=0, characters=0, ids=0, text=40),
)
"""From all there is to say to the least; a message takes the first that fits."""


@dataclass(frozen=True, kw_only=True)
class CardState:
    """What has become of a run since it ended."""

    rerun_by: str = ""  # somebody has started it again: the button is gone and the tips say who
    unconfirmed: bool = False  # something of it may not have arrived: a button sends it again
    link: IssuedLink | None = None  # to its report, instead of a file
    linked: bool = False  # somebody has a link to its report: a button calls it back
    withheld: bool = False  # its file is not sent by itself, the month's calls run out


NO_STATE = CardState()


@dataclass(frozen=True, kw_only=True)
class Highlight:
    """Something found that a person should look at; `new` is None when nothing was compared."""

    kind: str
    total: int
    new: int | None
    is_part: bool = False  # of the one before it


def highlights_of(run: Run) -> Sequence[Highlight]:
    """Return what a person should look at, by the report, or by the engine while there is none."""
    if run.findings is None:
        found = run.task_counts.found if run.task_counts else {}
        return [Highlight(kind=kind, total=found[kind], new=None) for kind in SOUNDING if found.get(kind)]
    totals = {each.kind: each.total for each in run.findings.highlights}
    whole = {INCLUDED_IN[kind] for kind in INCLUDED_IN if totals.get(kind) == totals.get(INCLUDED_IN[kind])}
    return [
        Highlight(
            kind=each.kind,
            total=each.total,
            new=each.new if run.findings.compared else None,
            is_part=each.kind in INCLUDED_IN and INCLUDED_IN[each.kind] not in whole,
        )
        for each in run.findings.highlights
        if each.kind not in whole
    ]


def found_in(run: Run) -> Sequence[KindSummary]:
    """Return what was found, the most important first; without a report the engine's counts."""
    if run.findings is not None:
        return [each for each in run.findings.kinds if each.total or each.gone]
    found = run.task_counts.found if run.task_counts else {}
    kinds = sorted(found.keys() - MEANS_OTHERWISE, key=by_importance)
    return [KindSummary(kind=kind, total=found[kind]) for kind in kinds if found[kind] > 0]


@dataclass(frozen=True, kw_only=True)
class SummaryView:
    """An ended run with its report and what has become of both since."""

    run: Run
    report: Report | None
    state: CardState = NO_STATE

    @property
    def kind(self) -> str:
        """well, failed, stopped (nothing worse), error, running."""
        if self.run.status is not RunStatus.FINISHED:
            return self.run.status.value
        if self.tally.error or self.tally.missing:
            return "failed"
        return "stopped" if self.tally.stop else "well"

    @property
    def mark(self) -> str:
        """The sign of how it ended; the tick stands only where nothing needs a look."""
        if self.kind in MARKS:
            return MARKS[self.kind]
        highlights = highlights_of(self.run)
        if any(each.new is None or each.new for each in highlights):
            return ALARM
        if highlights or self.kind == "failed" or self.report_state == "failed":
            return LOOK
        return STOPPED if self.kind == "stopped" else WELL

    @property
    def tally(self) -> TaskCounts:
        return self.run.task_counts or TaskCounts(total=len(self.run.task_ids))

    @property
    def report_state(self) -> str:
        """ready, failed, coming, gone (its time is over), none (not wanted, or no run to report on)."""
        if self.report is not None:
            return "ready"
        if not self.run.schedule.export or self.run.status is not RunStatus.FINISHED:
            return "none"
        states = {
            ExportStatus.ERROR: "failed",
            ExportStatus.SKIPPED: "none",
            ExportStatus.SUCCESS: "gone",
        }
        return states.get(self.run.export_status, "coming")

    def values(self, detail: DetailLevel) -> dict[str, object]:
        """The variables of `title.md`, `body.md`, `note.md` and `tips.md`."""
        run, tally = self.run, self.tally
        shown = worst(run.failures, detail.failures)
        return {
            "mark": self.mark,
            "kind": self.kind,
            "highlights": highlights_of(run),
            "compared": run.findings is not None and run.findings.compared,
            "counted": run.findings is not None,
            "found": found_in(run),
            "name": run.schedule_name,
            "typed": run.schedule_name if len(run.schedule_name) <= TYPED_CHARACTERS else run.id,
            "run": run,
            "tally": tally,
            "failed": tally.error + tally.missing,
            "took": run.end_time - run.start_time if run.end_time else None,
            "trigger": run.trigger.value,
            "asked_by": str(run.asked_by) if run.asked_by else "",
            "task_ids": run.submitted_task_ids[: detail.ids],
            "failures": shown,
            "unlisted": max(tally.failed - len(shown), 0),
            "report": self.report,
            "report_state": self.report_state,
            "rerun_by": self.state.rerun_by,
            "unconfirmed": self.state.unconfirmed,
            "withheld": self.state.withheld,
            "link": self.state.link,
            "url": Markup(self.state.link.url) if self.state.link else "",
            "detail": detail,
        }


def worst(failures: Sequence[Failure], count: int) -> Sequence[Failure]:
    """The first of them, errors before tasks that are lost, those before the ones that people stopped."""
    return sorted(failures, key=lambda failure: _WORST_FIRST.get(failure.status, 0))[:count]


def mark_of(run: Run) -> str:
    """Return the sign of how a run ended, as its card shows it."""
    return SummaryView(run=run, report=None).mark
