"""Load exports of the card builder: from files, from JSON text, or from decoded objects."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.templates.document import MAX_EXPORT_BYTES, CardTemplate, parse_template

MAX_EXPORTS = 50


def load_exports(given: Any, folder: Path | None) -> tuple[list[Any], dict[str, CardTemplate]]:
    """Read the exports of `templates`: a mapping of ids to exports, or a list of entries with `export`.

    Returns the entries without their exports, and the templates by id. Raises `UsageError`.
    """
    if isinstance(given, Mapping):
        given = [
            {"id": str(id_), "name": _name(id_, export), "export": export} for id_, export in given.items()
        ]
    if not isinstance(given, list | tuple):
        raise UsageError("templates must be a list, or a mapping of ids to exports of the card builder")
    entries: list[Any] = []
    designs: dict[str, CardTemplate] = {}
    for entry in given:
        rest = dict(entry) if isinstance(entry, Mapping) else entry
        export = rest.pop("export", None) if isinstance(rest, dict) else None
        entries.append(rest)
        if export is not None:
            designs[str(rest.get("id"))] = load_export(export, folder, at=f"templates: {rest.get('id')}")
    if len(designs) > MAX_EXPORTS:
        raise UsageError(f"templates: at most {MAX_EXPORTS} exports are loaded")
    return entries, designs


def load_export(export: Any, folder: Path | None, *, at: str) -> CardTemplate:
    """Load one export: a decoded object, its JSON text, or the path of its file. Raises `UsageError`."""
    is_path = isinstance(export, Path) or (isinstance(export, str) and not export.lstrip().startswith("{"))
    if is_path and folder is None:
        raise UsageError(f"{at}: files are not read here; give the exported JSON itself")
    try:
        return parse_template(read_export(Path(folder or Path(), export)) if is_path else export)
    except UsageError as problem:
        raise UsageError(f"{at}: {problem}") from None


def read_export(path: Path) -> bytes:
    """Read the file of an export. Raises `UsageError` if it cannot be read, or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_EXPORT_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot read {path}: {reason}") from None
    return data


def _name(id_: Any, export: Any) -> str:
    is_file = isinstance(export, str | Path) and str(export).endswith(".json")
    return Path(export).stem if is_file else str(id_)
