"""The variables of our own template, `cards/platform/dingrun.json`. Pure.

All values are texts; booleans, numbers and objects are JSON (0789-instructions-for-filling-in-api-card-data).
A table, a chart and a form have the shapes of 0013-table-variables, 0012-chart-variable and
0014-form-variables. What does not fit is left out, and the card says so.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.models import Failure, Run, TaskStatus
from cards.buttons import ButtonDesign, ButtonPlace, draw_buttons
from cards.catalogue import explain, load_words
from cards.environment import TemplateEnvironments
from cards.escaping import cut_bytes, escape_message, verbatim_message
from cards.fitting import first_fitting, one_line
from cards.summary import DETAIL_LEVELS, SummaryView

MAX_TEXT_BYTES = 1_500  # of a markdown variable
MAX_TIPS_BYTES = 900
MAX_JSON_BYTES = 3_000  # of a table or a form; all variables together may have 100 KB (0004)
MAX_ROWS = 10
MIN_OPTIONS = 2  # of a form
MAX_OPTIONS = 30  # more targets are written, one on each line
MAX_TARGET_CHARACTERS = 60
MAX_REASON_CHARACTERS = 80
MAX_SHOWN_RUNS = 10
MIN_SHOWN_RUNS = 2
MAX_TICKS = 3  # of the vertical axis, besides zero
SUCCEEDED_COLOR, FAILED_COLOR = "#15B76C", "#F25643"
SMALL = "<font sizeToken=common_footnote_text_style__font_size>{}</font>"
FORM_FIELD = "targets"
NO_TABLE: Final = '{"data": [], "meta": []}'


class RichCard:
    """Renders runs for our own template, in one language."""

    def __init__(self, dialects: TemplateEnvironments, lang: str, designs: Sequence[ButtonDesign]) -> None:
        self._dialects = dialects
        self._lang = lang
        self._designs = designs
        self._words = load_words("card", lang)

    def summary(self, view: SummaryView, title: str) -> Mapping[str, str]:
        """Return all variables for the card of a run."""
        return self._blank(title) | {
            "verdict": self._page(view, "body_verdict.md", "body_changes.md"),
            "report": self._page(view, "body_report.md"),
            "acts": self._acts(view),
            "ids": SMALL.format(self._page(view, "body_ids.md")),
            "tips": self._tips(view),
            "buttons": _json([
                {"id": each.id, "text": each.text, "color": each.color}
                for each in draw_buttons(self._designs, view, self._lang)
            ]),
            **_progress(view),
            **self._failures(view),
            **self._history(view),
            **self._form(view),
        }

    def text(self, title: str, markdown: str) -> Mapping[str, str]:
        """Return all variables for a card with a text alone, such as the lines of several runs."""
        return self._blank(title) | {"verdict": markdown}

    def _blank(self, title: str) -> dict[str, str]:
        """Return a card with a title and nothing else. An update replaces every variable."""
        words = self._words
        return {
            **{"config": _json({"autoLayout": True}), "title": title},
            **dict.fromkeys(("verdict", "report", "acts", "ids", "tips", "failures_more"), ""),
            **dict.fromkeys(("running", "has_failures", "has_history", "has_form"), "false"),
            **{"progress": "0", "buttons": "[]", "failures": NO_TABLE, "failures_title": ""},
            **{"history": _json(_chart([])), "history_title": ""},
            **{"form": _json({"fields": []}), "form_title": words["form_title"]},
            **{"form_submit": words["form_submit"]},
        }

    def _page(self, view: SummaryView, *names: str) -> str:
        def render(values: Mapping[str, object]) -> str:
            parts = (self._dialects.card_env.page(name, values) for name in names)
            return "\n\n".join(part for part in parts if part)

        return first_fitting((render(view.values(detail)) for detail in DETAIL_LEVELS), MAX_TEXT_BYTES)

    def _acts(self, view: SummaryView) -> str:
        lines = self._page(view, "body_trigger.md", "acts.md").split("\n")
        return "\n".join(f"- {line.strip()}" for line in lines if line.strip())

    def _tips(self, view: SummaryView) -> str:
        page = self._dialects.message_env.page("hint.md", view.values(DETAIL_LEVELS[-1]))
        return cut_bytes(one_line(page), MAX_TIPS_BYTES)

    def _design(self, view: SummaryView, place: ButtonPlace) -> ButtonDesign | None:
        return next((each for each in self._designs if each.place is place and each.is_shown(view)), None)

    def _failures(self, view: SummaryView) -> dict[str, str]:
        """Return the table of the failed tasks, with a button in each row that can be run again."""
        failures, counts = view.run.failures, view.counts
        if not failures or view.kind not in {"failed", "stopped"}:
            return {}
        design = self._design(view, ButtonPlace.ROW)
        numbers = {id_: number for number, id_ in enumerate(view.run.task_ids, 1)}
        rows = [self._row(each, numbers.get(each.task_id, 0), design) for each in failures[:MAX_ROWS]]
        table = {"data": rows, "meta": self._columns(design)}
        while len(_json(table).encode()) > MAX_JSON_BYTES:
            rows.pop()
        more = max(counts.failed, len(failures)) - len(rows)
        return {
            "has_failures": "true",
            "failures_title": self._words["failures_title"].format(count=counts.failed),
            "failures": _json(table),
            "failures_more": self._words["failures_more"].format(count=more) if more else "",
        }

    def _row(self, failure: Failure, number: int, design: ButtonDesign | None) -> Mapping[str, Any]:
        told = explain(failure.reason, self._lang) or self._words[f"reason_{failure.status.value}"]
        cells: dict[str, Any] = {
            "target": {
                "value": verbatim_message(failure.target, MAX_TARGET_CHARACTERS),
                "hoverText": verbatim_message(failure.target),
                "textAlign": "left",
            },
            "reason": {"value": escape_message(told, MAX_REASON_CHARACTERS), "textAlign": "left"},
        }
        if design:
            cells["action"] = _cell_button(design, self._lang, number if is_repeatable(failure) else 0)
        return cells

    def _columns(self, design: ButtonDesign | None) -> Sequence[Mapping[str, Any]]:
        columns = [("target", "OBJECT", 36), ("reason", "OBJECT", 34 if design else 64)]
        if design:
            columns.append(("action", "BUTTON", 30))
        return [
            {
                "alias": name,
                "aliasName": self._words[f"column_{name}"],
                "dataType": kind,
                "weight": weight,
                "headerTextAlign": "left" if kind == "OBJECT" else "center",
            }
            for name, kind, weight in columns
        ]

    def _history(self, view: SummaryView) -> dict[str, str]:
        """Return the chart of the last runs: how many of their tasks succeeded and failed."""
        runs = [each for each in view.state.history if each.task_counts and not each.is_retry]
        runs = sorted(runs, key=lambda run: run.start_time)[-MAX_SHOWN_RUNS:]
        if len(runs) < MIN_SHOWN_RUNS:
            return {}
        labels = self._labels(runs)
        words = self._words
        bars = [
            {"x": label, "y": count, "type": word}
            for run, label in zip(runs, labels, strict=True)
            for word, count in (
                (words["succeeded"], run.task_counts.done if run.task_counts else 0),
                (words["failed"], run.task_counts.failed if run.task_counts else 0),
            )
        ]
        title = words["history_title"].format(count=len(runs))
        return {"has_history": "true", "history_title": title, "history": _json(_chart(bars))}

    def _labels(self, runs: Sequence[Run]) -> Sequence[str]:
        """Return a label for each run: its day, or its number where a day has several runs."""
        days = [f"{run.start_time.astimezone(self._dialects.zone):%m-%d}" for run in runs]
        if len(set(days)) == len(days):
            return days
        return [f"#{run.ordinal or number}" for number, run in enumerate(runs, 1)]

    def _form(self, view: SummaryView) -> dict[str, str]:
        """Return the form that runs chosen targets of the schedule again. Those that failed are chosen."""
        targets = view.run.schedule.targets
        if len(targets) < MIN_OPTIONS or self._design(view, ButtonPlace.FORM) is None:
            return {}
        failed = {word for failure in view.run.failures for word in failure.target.split()}
        chosen = [index for index, target in enumerate(targets) if target in failed]
        form = {"fields": [self._choice(targets, chosen)]}
        if len(targets) > MAX_OPTIONS or len(_json(form).encode()) > MAX_JSON_BYTES:
            form = {"fields": [self._text_field()]}
        return {"has_form": "true", "form": _json(form)}

    def _choice(self, targets: Sequence[str], chosen: Sequence[int]) -> Mapping[str, Any]:
        options = [
            {"value": target, "text": verbatim_message(target, MAX_TARGET_CHARACTERS)} for target in targets
        ]
        default = {"index": list(chosen), "value": [targets[index] for index in chosen]}
        given = {"options": options, **({"defaultValue": default} if chosen else {})}
        return self._field("MULTI_SELECT") | given

    def _text_field(self) -> Mapping[str, Any]:
        return self._field("TEXT_AREA") | {"placeholder": self._words["form_written"]}

    def _field(self, kind: str) -> dict[str, Any]:
        words = self._words
        return {
            **{"name": FORM_FIELD, "type": kind, "label": words["form_label"], "required": True},
            **{"placeholder": words["form_placeholder"], "requiredMsg": words["form_required"]},
        }


def is_repeatable(failure: Failure) -> bool:
    """Tell if a failed task can be run again by itself. One that the engine does not know cannot."""
    return failure.status is not TaskStatus.MISSING


def _cell_button(design: ButtonDesign, lang: str, number: int) -> Mapping[str, Any]:
    """Return the button of a row. Its id names the task by its number in the run; 0 disables it."""
    return {
        "id": f"{design.action}:{number}" if number else design.action,
        "text": design.label[lang],
        "color": design.color.value,
        "status": "normal" if number else "disabled",
        "request": bool(number),
    }


def _progress(view: SummaryView) -> dict[str, str]:
    if view.kind != "running":
        return {}
    counts = view.counts
    return {"running": "true", "progress": str(100 * counts.ended // max(counts.total, 1))}


def _chart(bars: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return stacked bars over whole numbers."""
    heights: dict[str, int] = {}
    for bar in bars:
        heights[bar["x"]] = heights.get(bar["x"], 0) + bar["y"]
    step = -(-max(heights.values(), default=1) // MAX_TICKS) or 1
    ticks = list(range(0, max(heights.values(), default=1) + step, step))
    config = {
        **{"stack": True, "color": [SUCCEEDED_COLOR, FAILED_COLOR]},
        "yAxisConfig": {"type": "linear", "ticks": ticks},
    }
    return {"type": "histogram", "data": list(bars), "config": config}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
