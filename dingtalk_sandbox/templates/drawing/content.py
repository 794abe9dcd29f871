"""Texts, pictures, tags, progress bars, tables and charts (card "03/0012", "03/0013", "03/0016")."""

import re
from itertools import takewhile
from typing import Any

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.actions import Action
from dingtalk_sandbox.templates.document import Component
from dingtalk_sandbox.templates.drawing.canvas import Canvas, Control, key_of, tone_of
from dingtalk_sandbox.templates.scope import Scope
from dingtalk_sandbox.templates.values import as_number, as_text, is_number

MAX_COLUMNS = 20
MAX_POINTS = 1000
MAX_SERIES = 8
MAX_TICKS = 20
MAX_CHART_HEIGHT = 600  # pixels
DEFAULT_ASPECT_RATIO = 2  # width to height
CHARTS = {"lineChart": "line", "histogram": "bar", "pieChart": "pie"}
ALIGNMENTS = {"left", "center", "right"}

_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def draw_text(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    props = component.props
    content = scope.text(props.get("text"))
    if not content:
        return []
    standard = props.get("styleType") == "standard"
    token = str(props.get("styleToken") or "") if standard else ""
    return [
        {
            "type": "text",
            "text": scope.text(props.get("prefix")) + content,
            "size": _size(token) or str(props.get("size") or "middle"),
            "tone": tone_of(scope.resolve(props.get("color"))),
            "bold": props.get("bold") is True or "bold" in token,
            "italic": props.get("italic") is True,
            "strike": props.get("strikeThrough") is True,
            "align": str(props.get("gravity") or "left"),
            "lines": int(scope.number(props.get("maxLine"))),
        }
    ]


def _size(token: str) -> str:
    """Return the size of a style token: `common_h4_bold_text_style` → h4."""
    parts = token.split("_")
    return parts[1] if len(parts) > 1 and parts[1] in {"h1", "h2", "h3", "h4", "footnote"} else ""


def draw_markdown(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    content = scope.text(component.props.get("content"))
    return [{"type": "markdown", "text": content}] if content else []


def draw_divider(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    del component, scope
    return [{"type": "divider"}]


def draw_image(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    return [{"type": "image", "url": scope.text(component.props.get("images"))}]


def draw_icon(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    icon = scope.resolve(component.props.get("icon"))
    name = icon.get("icon") if isinstance(icon, dict) else icon
    tone = tone_of(scope.resolve(component.props.get("color")))
    return [{"type": "icon", "name": as_text(name), "tone": tone}] if name else []


def draw_tag(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    content = scope.text(component.props.get("text"))
    tone = tone_of(scope.resolve(component.props.get("color")))
    return [{"type": "tag", "text": content, "tone": tone}] if content else []


def draw_avatar(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    return [{"type": "avatar", "name": scope.text(component.props.get("name"))}]


def draw_progress(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    props = component.props
    percent = max(0.0, min(100.0, scope.number(props.get("progress"))))
    shown = props.get("showPercentage") is not False
    return [{"type": "progress", "percent": percent, "label": shown, "tone": tone_of(props.get("color"))}]


def draw_chart(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    chart = scope.resolve(component.props.get("data"))
    if not isinstance(chart, dict):
        return []
    kind, points = CHARTS.get(str(chart.get("type"))), chart.get("data")
    if kind is None or not isinstance(points, list):
        return [{"type": "unknown", "name": f"Chart {as_text(chart.get('type'))[:40]}", "children": []}]
    config = chart["config"] if isinstance(chart.get("config"), dict) else {}
    axis = config.get("yAxisConfig")
    canvas.truncated |= len(points) > MAX_POINTS
    found = [_point(p) for p in points[:MAX_POINTS] if isinstance(p, dict)]
    return [
        {
            "type": "chart",
            "chart": kind,
            "points": [p for p in found if p["low"] is not None and p["y"] is not None],
            "stack": config.get("stack") is True,
            "colors": _colors(config.get("color")),
            "ticks": _ticks(axis.get("ticks") if isinstance(axis, dict) else None),
        }
        | _chart_size(component, scope)
    ]


def _chart_size(component: Component, scope: Scope) -> Json:
    """Return the `height` in pixels that the template fixes, or else 0 and the `ratio` of width to height."""
    props = component.props
    fixed = scope.number(props.get("height")) if props.get("isFixedHeight") is True else 0
    ratio = scope.number(props.get("aspectRatio"), DEFAULT_ASPECT_RATIO)
    return {"height": max(0, min(MAX_CHART_HEIGHT, fixed)), "ratio": max(0.5, min(8, ratio))}


def _ticks(given: object) -> list[float]:
    """Return the marks of an axis that the data names, in order."""
    return sorted(tick for tick in given if is_number(tick))[:MAX_TICKS] if isinstance(given, list) else []


def _colors(given: object) -> list[str]:
    """Return the colors of the series, in order. One that is no hexadecimal color ends the list."""
    colors = given[:MAX_SERIES] if isinstance(given, list) else []
    return list(takewhile(lambda color: isinstance(color, str) and bool(_HEX_COLOR.fullmatch(color)), colors))


def _point(given: Json) -> Json:
    """Return a point. The `y` of a bar may be a range."""
    y = given.get("y")
    low, high = y if isinstance(y, list) and len(y) == 2 else (0, y)  # noqa: PLR2004 - a range
    names = {"x": as_text(given.get("x")), "series": as_text(given.get("type"))}
    return names | {"low": as_number(low), "y": as_number(high)}


def draw_table(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    table = scope.resolve(component.props.get("data"))
    meta, data = (table.get("meta"), table.get("data")) if isinstance(table, dict) else (None, None)
    if not isinstance(meta, list) or not isinstance(data, list):
        return []
    columns = [c for c in meta if isinstance(c, dict) and c.get("alias")][:MAX_COLUMNS]
    rows = [row for row in canvas.take_items(data) if isinstance(row, dict)]
    painter = _TablePainter(canvas, component, scope)
    paged = component.props.get("enablePagination") is True
    return [
        {
            "type": "table",
            "key": key_of(component, scope),
            "columns": [_column(c) for c in columns],
            "rows": [[painter.cell(c, row, at) for c in columns] for at, row in enumerate(rows)],
            "pageSize": int(scope.number(component.props.get("pageNum"), 5)) if paged else 0,
        }
    ]


def _column(meta: Json) -> Json:
    title, weight = as_text(meta.get("aliasName")), meta.get("weight")
    return {
        "title": title,
        "weight": weight if is_number(weight) else 0,
        "align": _alignment(meta.get("headerTextAlign")),
    }


def _alignment(given: Any) -> str:
    return given if isinstance(given, str) and given in ALIGNMENTS else "center"


class _TablePainter:
    """Draws the cells of a table. A cell with `request` sends its row and its column."""

    def __init__(self, canvas: Canvas, component: Component, scope: Scope) -> None:
        self._canvas, self._component, self._scope = canvas, component, scope

    def cell(self, column: Json, row: Json, at: int) -> Json:
        alias, kind = as_text(column["alias"]), as_text(column.get("dataType"))
        value = row.get(alias)
        if not isinstance(value, dict):
            return {"kind": "text", "text": as_text(value), "align": "center"}
        if kind == "MICROAPP":
            return {"kind": "app", "text": as_text(value.get("name")), "align": "left"}
        words = value.get("text") if kind == "BUTTON" else value.get("value")
        cell = {
            "kind": "button" if kind == "BUTTON" else "object",
            "text": as_text(words),
            "hover": as_text(value.get("hoverText")),
            "align": _alignment(value.get("textAlign")),
            "tone": tone_of(value.get("color") if kind == "BUTTON" else value.get("textColorToken")),
            "fill": tone_of(value.get("bgColorToken")),
            "disabled": value.get("status") == "disabled",
            "link": as_text(value.get("url")),
        }
        if value.get("request") is True:
            cell["control"] = self._canvas.add(self._control(column, row, at))
        return cell

    def _control(self, column: Json, row: Json, at: int) -> Control:
        alias = as_text(column["alias"])
        value = row[alias]
        return Control(
            key=key_of(self._component, self._scope, f"{at}.{alias}"),
            kind="cell",
            text=as_text(value.get("text", value.get("value"))),
            scope=self._scope,
            action=Action(props={"actionType": "request"}),
            component=self._component,
            action_id=as_text(value.get("id")) or alias,
            params={"row": row, "column": column},
            disabled=value.get("status") == "disabled",
        )
