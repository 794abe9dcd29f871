"""Draw the charts of the recent runs."""

from dataclasses import dataclass
from typing import Any

from openpyxl.chart import BarChart, LineChart, Reference

CHART_HEIGHT_CM = 7.0
MAX_UNIT_STEPS = 10  # charts below it have an axis in steps of 1
MAX_CATEGORIES = 8  # with a label each


@dataclass(frozen=True, kw_only=True)
class ChartData:
    """A block of the sheet: its columns, the row of its header, its last row, and its highest value."""

    columns: tuple[int, int]
    header: int
    last: int
    highest: int


@dataclass(frozen=True, kw_only=True)
class ChartPlace:
    """The cell of the upper left corner, the width in cm, and the title."""

    cell: str
    width: float
    title: str


def draw_tasks(sheet: Any, place: ChartPlace, data: ChartData) -> None:
    """Draw tasks that succeeded and failed, as stacked bars in green and red."""
    chart: Any = BarChart()
    chart.grouping, chart.overlap, chart.gapWidth = "stacked", 100, 60
    _draw(sheet, chart, place, data)
    for series, color in zip(chart.series, ("52C41A", "F5222D"), strict=False):
        series.graphicalProperties.solidFill = color


def draw_kinds(sheet: Any, place: ChartPlace, data: ChartData) -> None:
    """Draw the counts of kinds of assets as lines."""
    chart: Any = LineChart()
    _draw(sheet, chart, place, data)
    for line in chart.series:
        line.smooth = False  # openpyxl's default is a curve that overshoots
        line.marker.symbol, line.marker.size = "circle", 5  # a single run is a point without a line


def _draw(sheet: Any, chart: Any, place: ChartPlace, data: ChartData) -> None:
    (first, last), top = data.columns, data.header
    values = Reference(sheet, min_col=first, max_col=last, min_row=top, max_row=data.last)
    chart.add_data(values, titles_from_data=True)
    chart.title, chart.height, chart.width = place.title, CHART_HEIGHT_CM, place.width
    chart.title.overlay = chart.legend.overlay = False
    chart.legend.position = "b"
    chart.x_axis.number_format, chart.y_axis.number_format = "m/d", "#,##0"
    chart.x_axis.delete, chart.y_axis.delete, chart.y_axis.scaling.min = False, False, 0
    chart.x_axis.tickLblSkip = max((data.last - top) // MAX_CATEGORIES, 1)
    if data.highest < MAX_UNIT_STEPS:  # Excel would choose steps of 0.5
        chart.y_axis.majorUnit = 1
    chart.set_categories(Reference(sheet, min_col=1, min_row=top + 1, max_row=data.last))
    sheet.add_chart(chart, place.cell)
