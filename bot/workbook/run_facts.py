"""Say how a run ended, what is different than before, and its facts and numbers. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.assets.kinds import by_importance
from bot.assets.values import text
from bot.models import Run, TaskCounts
from bot.ports import Baseline, ReportInput
from bot.workbook.cells import WorkbookOptions
from cards.catalogue import display_name, explain, load_words
from cards.summary import MARK_ALARM, MARK_SUCCESS, MARK_WARNING, SummaryView, list_highlights
from cards.trend import KindChange, list_changes

MAX_CHANGES = 6  # kinds of assets in one line
MAX_LISTED_NAMES = 5  # of runs or targets in one cell
_COLORS = {
    MARK_ALARM: ("FDE3E1", "B42318"),
    MARK_WARNING: ("FFF1D0", "8A5A00"),
    MARK_SUCCESS: ("DDF5E5", "0B6B2E"),
}
_NEUTRAL = ("EEF0F3", "475467")


def verdict(run: Run, lang: str) -> str:
    """Return how a run ended, such as `失败 2/10（连续第 3 次）· 漏洞 3（新增 1）`."""
    return " · ".join([_outcome(run, lang), *_highlights(run, lang)])


def verdict_colors(run: Run) -> tuple[str, str]:
    """Return the background and the text color of the verdict. Failures count as alarms here."""
    view = SummaryView(run=run, report=None)
    return _COLORS[MARK_ALARM] if view.kind in {"failed", "error"} else _COLORS.get(view.mark, _NEUTRAL)


def difference(run: Run, baseline: Baseline | None, lang: str, zone: ZoneInfo) -> str:
    """Return what is different than in the runs that it is compared with."""
    words = load_words("workbook", lang)
    if baseline is None:
        return words["no_previous"]
    changes = list_changes(run)
    shown = " · ".join(_change(each, lang) for each in changes[:MAX_CHANGES]) or words["unchanged"]
    more = " …" if len(changes) > MAX_CHANGES else ""
    return words["difference"].format(time=_shown(baseline.runs[0].start_time, zone), changes=shown + more)


def run_facts(report_input: ReportInput, options: WorkbookOptions) -> Iterator[tuple[str, object]]:
    """Yield the facts of a run with their labels. Unknown facts are left out."""
    words, run, baseline = load_words("workbook", options.lang), report_input.run, report_input.baseline
    counts = run.task_counts or TaskCounts(total=0)
    values: Mapping[str, object] = {
        "schedule": run.schedule_name,
        "run": run.id,
        "trigger": words[run.trigger.value],
        "asked_by": text(run.asked_by),
        "start": run.start_time,
        "end": run.end_time,
        "seconds": duration_seconds(run),
        "message": explain(run.error_msg, options.lang),
        "targets": shorten(run.schedule.targets),
        "total": counts.total,
        "done": counts.done,
        "error": counts.error,
        "stop": counts.stop,
        "missing": counts.missing,
        "previous": shorten([each.id for each in baseline.runs]) if baseline else words["no_previous"],
        "previous_start": baseline.runs[0].start_time if baseline else None,
        "secrets": words["open" if options.show_secrets else "hidden"],
    }
    zone = zone_name(run, options)
    yield from (
        (words[name].format(zone=zone), value) for name, value in values.items() if value not in {None, ""}
    )


def zone_name(run: Run, options: WorkbookOptions) -> str:
    """Return the time zone with its offset at the start of the run."""
    offset = f"{run.start_time.astimezone(options.zone):%z}"
    return f"{options.zone.key} {offset[:3]}:{offset[3:]}"


def shorten(names: Sequence[str]) -> str:
    """Return the first names, and the total when some are left out."""
    shown = ", ".join(names[:MAX_LISTED_NAMES])
    return f"{shown}, … ({len(names)})" if len(names) > MAX_LISTED_NAMES else shown


def duration_seconds(run: Run) -> float | None:
    return round((run.end_time - run.start_time).total_seconds(), 1) if run.end_time else None


def asset_counts(run: Run) -> Mapping[str, int]:
    """Return the counts of a run's report by kind. Empty without a report."""
    return {each.kind: each.total for each in run.findings.kinds} if run.findings else {}


def found_kinds(history: Iterable[Run]) -> list[str]:
    """Return the kinds that any of these runs found, the most important first."""
    found = {kind for run in history for kind, total in asset_counts(run).items() if total}
    return sorted(found, key=by_importance)


def history_row(run: Run, kinds: Sequence[str]) -> Sequence[object]:
    """Return a row of the history. Unknown counts stay empty."""
    tasks, assets = run.task_counts or TaskCounts(total=0), asset_counts(run)
    totals = (assets.get(kind, 0) if run.findings else None for kind in kinds)
    return (run.start_time, run.id, duration_seconds(run), tasks.done, tasks.failed, *totals)


def _outcome(run: Run, lang: str) -> str:
    words, view = load_words("workbook", lang), SummaryView(run=run, report=None)
    counts = view.counts
    said = words[f"verdict_{view.kind}"].format(failed=counts.error + counts.missing, total=counts.total)
    turned = words[f"turned_{view.turned}"] if view.turned else ""
    return turned + said + (words["streak"].format(count=view.streak) if view.streak else "")


def _highlights(run: Run, lang: str) -> Iterator[str]:
    new = load_words("workbook", lang)["of_which_new"]
    for each in list_highlights(run):
        name = f"{display_name(each.kind, lang)} {each.total:,}"
        yield name + new.format(count=f"{each.new:,}") if each.new else name


def _change(change: KindChange, lang: str) -> str:
    counts = [
        f"{sign}{count:,}" for sign, count in (("+", change.new), ("−", change.gone), ("~", change.changed))
        if count
    ]  # fmt: skip
    return f"{display_name(change.kind, lang)} {' '.join(counts)}"


def _shown(time: datetime, zone: ZoneInfo) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}"
