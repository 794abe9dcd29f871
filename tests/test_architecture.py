"""Rules that import-linter does not know: homes of vendor packages, sizes of folders, tests of handlers."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.audit.reader import AuditReader
from tests import ROOT

TOPS = ("bot", "handlers", "cards", "dingtalk_sandbox", "arl_sandbox")
HOMES = {
    "motor": {"bot.mongo"},
    "pymongo": {"bot.mongo"},
    "bson": {"bot.mongo"},
    "dingtalk_stream": {"bot.messengers.dingtalk"},
    "alibabacloud_dingtalk": {"bot.messengers.dingtalk"},
    "aiosqlite": {"bot.stores.sqlite"},
    "openpyxl": {"bot.workbook", "arl_sandbox"},
    "sqlite3": {"bot.stores.sqlite"},
    "celery": {"bot.exporters.celery"},
    "kombu": {"bot.exporters.celery"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for top in TOPS:
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__"), path


MODULES = dict(modules())


def imports(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def stands_in(module: str, home: str) -> bool:
    return module == home or module.startswith(home + ".")


@pytest.mark.parametrize("vendor", HOMES)
def test_a_vendor_package_stays_in_its_home(vendor: str) -> None:
    users = {
        module for module, path in MODULES.items() if any(stands_in(name, vendor) for name in imports(path))
    }
    assert users
    assert [each for each in users if not any(stands_in(each, home) for home in HOMES[vendor])] == []


def test_every_package_of_the_service_has_a_layer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = " | ".join(project["tool"]["importlinter"]["contracts"][0]["layers"]).split(" | ")
    known = {layer.removeprefix("bot.") for layer in layers if layer.startswith("bot.")}
    assert {path.stem for path in (ROOT / "bot").glob("[!_]*")} | {"__main__"} == known


def test_no_folder_has_more_than_sixteen_modules() -> None:
    folders = {path.parent for path in MODULES.values()}
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in folders
        if (count := len([path for path in folder.glob("*.py") if path.stem != "__init__"])) > 16
    }
    assert crowded == {}


def test_every_handler_has_its_test() -> None:
    handlers, tests = ROOT / "handlers", ROOT / "tests/handlers"
    names = {path.relative_to(handlers) for path in handlers.rglob("[!_]*.py")}
    assert {path for path in names if not (tests / path.parent / f"test_{path.name}").exists()} == set()


def names_imported(path: Path, package: str) -> set[str]:
    """Every `module.name` that a file imports from modules of a package."""
    nodes = [
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)
    ]
    return {
        f"{node.module}.{alias.name}"
        for node in nodes
        if stands_in(node.module or "", package)
        for alias in node.names
    }


def test_handlers_read_the_audit_and_note_what_they_found_but_write_no_entry() -> None:
    handlers = [path for name, path in MODULES.items() if stands_in(name, "handlers")]
    used = {name for path in handlers for name in names_imported(path, "bot.audit")}
    assert {name for name in used if not name.startswith("bot.audit.request.note_")} == set()
    assert [name for name in vars(AuditReader) if not name.startswith("_")] == ["find_entry", "find"]
