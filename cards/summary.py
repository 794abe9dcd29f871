"""Prepare the values of an ended run for the templates, in more or less detail. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.assets.kinds import INCLUDED_IN, by_importance
from bot.downloads import IssuedLink
from bot.models import (
    EXTERNAL,
    Acknowledgement,
    ExportStatus,
    Failure,
    KindSummary,
    Report,
    Run,
    RunStatus,
    TaskCounts,
    TaskStatus,
)
from cards.catalogue import without_details
from cards.escaping import Markup
from cards.trend import IGNORED_COUNTS, duration_change, is_compared, list_changes, outcome_changed

MAX_ERROR_CHARACTERS = 300
MAX_TYPED_CHARACTERS = 40  # of a schedule name that people type; longer names are replaced by the run ID

_WORST_FIRST = {TaskStatus.ERROR: 0, TaskStatus.MISSING: 1, TaskStatus.STOP: 2}
MARK_SUCCESS, MARK_STOPPED, MARK_WARNING, MARK_ALARM = "✅", "⚪", "⚠️", "🔴"
STATUS_MARKS = {"error": "❌", "running": "⏳"}
HIGHLIGHTED_KINDS = ("vuln", "nuclei_result", "fileleak")  # while only the engine has counted


@dataclass(frozen=True, kw_only=True)
class DetailLevel:
    """Level of detail: the space that lists and texts may take."""

    failures: int  # reasons of failures
    targets: int  # of a reason
    characters: int  # of a target, and of a reason
    ids: int
    text: int = MAX_ERROR_CHARACTERS  # of the error of a run or an export


DETAIL_LEVELS = (
    DetailLevel(failures=5, targets=5, characters=120, ids=3),
    DetailLevel(failures=5, targets=3, characters=60, ids=3, text=200),
    DetailLevel(failures=3, targets=2, characters=40, ids=1, text=100),
    DetailLevel(failures=1, targets=1, characters=30, ids=0, text=60),
    DetailLevel(failures=0, targets=0, characters=0, ids=0, text=40),
)
"""From the most to the least; a message takes the first that fits."""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Last act of a person about an ended run."""

    by: str
    at: datetime
    run: Run  # that this person started


class Withheld(StrEnum):
    """Reason for which a report is not sent as a file."""

    QUOTA = "quota"  #: to save calls
    ON_REQUEST = "on_request"  #: the destination gets files on request only
    NEVER = "never"  #: the destination gets no reports


@dataclass(frozen=True, kw_only=True)
class CardState:
    """Changes to a run after it ended."""

    stamp: Stamp | None = None  # what a person did last; a rerun replaces the buttons
    unconfirmed: bool = False  # a delivery is unconfirmed; adds the resend button
    link: IssuedLink | None = None  # to the report, instead of a file
    linked: bool = False  # a download link is active; adds the revoke button
    withheld: Withheld | None = None  # why the file is not sent automatically
    acknowledged: Acknowledgement | None = None  # who takes care of the failure; replaces the button
    history: Sequence[Run] = ()  # the last runs of the schedule, this one included, for the chart


NO_STATE = CardState()


@dataclass(frozen=True, kw_only=True)
class Highlight:
    """A finding that a person should look at. `new` is None when there was nothing to compare with."""

    kind: str
    total: int
    new: int | None
    is_part: bool = False  # included in the highlight before it


def list_highlights(run: Run) -> Sequence[Highlight]:
    """Return the highlights of the report or, without a report, of the counts of the engine."""
    if run.findings is None:
        found = run.task_counts.found if run.task_counts else {}
        return [
            Highlight(kind=kind, total=found[kind], new=None) for kind in HIGHLIGHTED_KINDS if found.get(kind)
        ]
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


def list_findings(run: Run) -> Sequence[KindSummary]:
    """Return the findings of the report, and what else the engine has counted, the most important first.

    A report has all that ARL and the embedded engine count. Other systems count what they like besides.
    """
    found = run.task_counts.found if run.task_counts else {}
    kinds = sorted(found.keys() - IGNORED_COUNTS, key=by_importance)
    counted = [KindSummary(kind=kind, total=found[kind]) for kind in kinds if found[kind] > 0]
    if run.findings is None:
        return counted
    reported = {each.kind for each in run.findings.kinds}
    others = [each for each in counted if each.kind not in reported]
    return [
        *(each for each in run.findings.kinds if each.total or each.gone),
        *(others if run.schedule.engine == EXTERNAL else ()),
    ]


@dataclass(frozen=True, kw_only=True)
class FailureGroup:
    """Failures with the same reason."""

    status: TaskStatus
    reason: str  # as stored, see `cards.catalogue.explain`
    targets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SummaryView:
    """An ended run, its report, and what happened to both afterward."""

    run: Run
    report: Report | None
    state: CardState = NO_STATE

    @property
    def kind(self) -> str:
        """Return `well`, `failed`, `stopped` (and nothing failed), `error` or `running`."""
        if self.run.status is not RunStatus.FINISHED:
            return self.run.status.value
        if self.counts.error or self.counts.missing:
            return "failed"
        return "stopped" if self.counts.stop else "well"

    @property
    def mark(self) -> str:
        """Return the sign of how it ended. A check mark means that nothing needs attention."""
        if self.kind in STATUS_MARKS:
            return STATUS_MARKS[self.kind]
        highlights = list_highlights(self.run)
        if any(each.new is None or each.new for each in highlights):
            return MARK_ALARM
        if highlights or self.kind == "failed" or self.report_state == "failed":
            return MARK_WARNING
        return MARK_STOPPED if self.kind == "stopped" else MARK_SUCCESS

    @property
    def counts(self) -> TaskCounts:
        return self.run.task_counts or TaskCounts(total=len(self.run.task_ids))

    @property
    def report_state(self) -> str:
        """Return `ready`, `failed`, `coming`, `gone` (expired) or `none` (disabled, or nothing to report)."""
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

    @property
    def turned(self) -> str:
        """Return `red` or `green` if it ended otherwise than the run before, or ""."""
        if not outcome_changed(self.run):
            return ""
        return "green" if self.run.well else "red"

    @property
    def streak(self) -> int:
        """Return how many runs in a row failed, from 2 on, this one included. Otherwise 0."""
        trend = self.run.trend
        counts = trend is not None and trend.streak > 1 and self.run.well is False and not self.run.is_retry
        return trend.streak if trend and counts else 0

    @property
    def shows_assets(self) -> bool:
        """Tell if the card speaks of assets. A backup that another system reports has none, nor counts."""
        if self.run.schedule.engine != EXTERNAL or self.report_state != "none":
            return True
        return self.run.findings is not None or bool(list_findings(self.run))

    def _comparison(self) -> dict[str, object]:
        """Return what is different than in the run before, for the templates."""
        run = self.run
        longer = duration_change(run)
        return {
            "turned": self.turned,
            "streak": self.streak,
            "previous": run.trend.previous if run.trend else None,
            "is_compared": is_compared(run),
            "changes": list_changes(run),
            "longer": None if longer is None else round(longer * 100),
        }

    def values(self, detail: DetailLevel) -> dict[str, object]:
        """Return the variables of `title.md`, `body.md`, `note.md` and `tips.md`."""
        run, counts = self.run, self.counts
        shown = group_failures(run.failures)[: detail.failures]
        highlights = list_highlights(run)
        return {
            "mark": self.mark,
            "kind": self.kind,
            "ended": self.kind not in STATUS_MARKS,
            "has_verdict": self.kind != "well" or self.turned == "green",
            "highlights": highlights,
            "new_highlights": [each for each in highlights if each.new],
            "compared": run.findings is not None and run.findings.compared,
            "counted": run.findings is not None,
            "found": list_findings(run),
            "shows_assets": self.shows_assets,
            "name": run.schedule_name,
            "typed": typed_name(run.schedule_name, run.id),
            "run": run,
            "counts": counts,
            "failed": counts.error + counts.missing,
            "took": run.end_time - run.start_time if run.end_time else None,
            "trigger": run.trigger.value,
            "asked_by": str(run.asked_by) if run.asked_by else "",
            "task_ids": () if run.schedule.engine == EXTERNAL else run.submitted_task_ids[: detail.ids],
            "failures": shown,
            "unlisted": max(counts.failed - sum(len(group.targets) for group in shown), 0),
            **self._comparison(),
            "report": self.report,
            "report_state": self.report_state,
            "stamp": self.state.stamp,
            "approved_by": str(run.approved_by or ""),
            "stop_approved_by": str(run.stop_approved_by or ""),
            "stopped_by": str(run.stopped_by) if run.stopped_by else "",
            "unconfirmed": self.state.unconfirmed,
            "withheld": self.state.withheld or "",
            "acknowledged": self.state.acknowledged,
            "link": self.state.link,
            "url": Markup(self.state.link.url) if self.state.link else "",
            "detail": detail,
        }


def group_failures(failures: Sequence[Failure]) -> Sequence[FailureGroup]:
    """Group failures by reason: errors, then missing tasks, then stopped ones; the largest group first."""
    groups: dict[tuple[TaskStatus, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure.status, without_details(failure.reason)), []).append(failure)
    found = [
        FailureGroup(
            status=status,
            reason=same[0].reason if len({each.reason for each in same}) == 1 else general,
            targets=tuple(each.target for each in same),
        )
        for (status, general), same in groups.items()
    ]
    return sorted(found, key=lambda group: (_WORST_FIRST.get(group.status, 0), -len(group.targets)))


def typed_name(name: str, id_: str) -> str:
    """Return what people type for a schedule: its name, or an id if the name is long."""
    return name if len(name) <= MAX_TYPED_CHARACTERS else id_


def mark_of(run: Run) -> str:
    """Return the sign of how a run ended, as its card shows it."""
    return SummaryView(run=run, report=None).mark
