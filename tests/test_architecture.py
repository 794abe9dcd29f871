"""Who may import whom (the table of docs/architecture.md), read from the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

NOUNS = {"bot", "bot.models", "bot.errors", "bot.files", "bot.foreign_text"}
PURE = {
    "bot.ports", "bot.config", "bot.settings", "bot.retry", "bot.access", "bot.plan", "bot.workbook",
    "bot.sheets", "bot.findings", "bot.values", "bot.secrecy", "bot.diff", "bot.cells", "bot.assets",
    "bot.assets.kinds", "bot.baseline", "bot.assets.external_sort",
    "bot.package", "bot.overview", "bot.statistics", "bot.words", "bot.targets",
    "bot.log", "bot.metrics", "bot.fields", "bot.notify", "bot.destinations", "bot.quota", "cards",
    "bot.addresses", "bot.engine_settings", "bot.archive", "bot.moving", "bot.links", "bot.split",
    "bot.payload", "bot.routing",
    "bot.settings_file", "bot.folders", "bot.dingtalk_settings", "bot.schedule_settings",
    "bot.report_settings", "bot.settings_reference",
    "bot.address_policy",
    "bot.loops", "bot.scratch",
}  # fmt: skip
ADAPTERS = ("bot.dingtalk", "bot.stores", "bot.engines", "bot.exporters")
CORE = {
    "bot.runs", "bot.stops", "bot.watcher", "bot.scheduler", "bot.jobs",
    "bot.deliver", "bot.reports", "bot.router",
    "bot.intake", "bot.tap_guard", "bot.context", "bot.people", "bot.recent_lists", "bot.request_budget",
    "bot.deliveries", "bot.channels", "bot.governor",
    "bot.notices", "bot.ladder", "bot.digests", "bot.summaries", "bot.chain", "bot.lanes",
    "bot.story", "bot.audit", "bot.report_links", "bot.shelf", "bot.parcels", "bot.remakes", "bot.finder",
    "bot.card_delivery", "bot.reconcile",
    "bot.payloads",
    "bot.clock_guard",
}  # fmt: skip
DRIVERS = {"bot.mongo"}  # what adapters share to reach a server
VENDORS = {
    "motor": {"bot.mongo"},
    "pymongo": {"bot.mongo"},
    "gridfs": {"bot.mongo"},
    "bson": {"bot.mongo"},
    "dingtalk_stream": {"bot.dingtalk"},
    "alibabacloud_dingtalk": {"bot.dingtalk"},
    "aiosqlite": {"bot.stores"},
    "openpyxl": {"bot.package", "bot.overview", "bot.sandbox.arl"},
    "sqlite3": {"bot.stores"},
    "celery": {"bot.exporters"},
    "kombu": {"bot.exporters"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for top in ("bot", "handlers", "cards"):
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
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (below & MODULES.keys()) or {node.module}
    return found


def ring(module: str) -> str:
    """The ring of the design a module belongs to."""
    rings = {"handlers": "surface", "bot.web": "surface", "bot.sandbox": "sandbox", "cards": "pure"}
    for prefix, name in (rings | dict.fromkeys(ADAPTERS, "adapter")).items():
        if module == prefix or module.startswith(prefix + "."):
            return name
    table = dict.fromkeys(NOUNS, "noun") | dict.fromkeys(PURE, "pure") | dict.fromkeys(CORE, "core")
    return table.get(module, "driver" if module in DRIVERS else "app")


ALLOWED = {
    "noun": {"noun"},
    "pure": {"noun", "pure"},
    "driver": {"noun", "pure"},
    "adapter": {"noun", "pure", "driver", "adapter"},
    "core": {"noun", "pure", "core"},
    "surface": {"noun", "pure", "core", "surface"},
    "sandbox": {"sandbox"},
    "app": {"noun", "pure", "driver", "adapter", "core", "surface", "sandbox", "app"},
}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_inward(module: str) -> None:
    for name in imports(MODULES[module]) & MODULES.keys():
        assert ring(name) in ALLOWED[ring(module)], f"{module} imports {name}"


@pytest.mark.parametrize("module", [name for name in MODULES if ring(name) == "adapter"])
def test_adapters_never_import_each_other(module: str) -> None:
    family = module.split(".")[1]
    for name in imports(MODULES[module]) & MODULES.keys():
        assert ring(name) != "adapter" or name.split(".")[1] == family, f"{module} imports {name}"


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_package_stays_in_its_corner(vendor: str) -> None:
    for module, path in MODULES.items():
        named = any(name == vendor or name.startswith(vendor + ".") for name in imports(path))
        home = any(module == place or module.startswith(place + ".") for place in VENDORS[vendor])
        assert home or not named, f"{module} imports {vendor}"


def test_there_is_no_import_cycle() -> None:
    edges = {module: imports(path) & MODULES.keys() - {module} for module, path in MODULES.items()}
    while leaves := {module for module, targets in edges.items() if not targets & edges.keys()}:
        edges = {module: targets for module, targets in edges.items() if module not in leaves}
    assert not edges


def test_every_handler_has_its_test() -> None:
    names = {path.stem for path in (ROOT / "handlers").glob("*.py")} - {"__init__"}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests/handlers").glob("test_*.py")}
    assert names <= tests
