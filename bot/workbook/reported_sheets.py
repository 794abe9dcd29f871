"""Sheets of the kinds of assets that other systems upload. Pure."""

from collections.abc import Sequence

from bot.assets.kinds import AssetKind, key_from
from bot.assets.values import LINE_BREAK, Document, number, text, unique
from bot.ports import ReportedKind
from bot.workbook.severities import parse_severity
from bot.workbook.sheets import KindSheet, Row, SheetLayout

KEY_WIDTH, COLUMN_WIDTH = 40, 40  # at most
SEVERITY = "severity"  # a column with this name sorts the sheet


def reported_sheet(kind: ReportedKind) -> KindSheet:
    """Build the sheet of a kind: the columns of its key first, then the others."""
    columns = (*kind.key, *(name for name in kind.columns if name not in kind.key))

    def row(documents: Sequence[Document]) -> Row:
        return [_cell(documents, name) for name in columns]

    return KindSheet(
        asset=AssetKind(name=kind.name, fields=columns, key=key_from(*kind.key)),
        layout=SheetLayout(
            title=kind.name,
            header=columns,
            widths=[KEY_WIDTH if name in kind.key else COLUMN_WIDTH for name in columns],
            name_columns=range(len(kind.key)),
        ),
        row=row,
        severity=SEVERITY if SEVERITY in columns else "",
    )


def _cell(documents: Sequence[Document], name: str) -> object:
    """Return the values of all documents with the same key, each once."""
    values = [document[name] for document in documents if name in document]
    if len(set(map(text, values))) <= 1:
        if name == SEVERITY:
            return parse_severity(documents, name)
        return number(values[0]) if values else ""
    return LINE_BREAK.join(unique(map(text, values)))
