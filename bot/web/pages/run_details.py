"""Read the details of a run that only its engine has: tasks, assets and the end of its log."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.assets.kinds import ASSET_KINDS, by_importance
from bot.assets.values import text
from bot.external.repository import ExternalRuns
from bot.models import Run, Task
from bot.ports import Engine

MAX_TASKS_LISTED = 5_000  # of one run
MAX_ASSETS_SEARCHED = 200_000  # for one page
MAX_SEARCH_SECONDS = 4.0
PAGE_SIZE = 50
MAX_CELL_CHARACTERS = 300
MAX_CELL_ITEMS = 20  # of a list or a document in one cell


@dataclass(frozen=True, kw_only=True)
class AssetQuery:
    """Filter of the assets of a run. `words` must all occur in an asset, in any letter case."""

    kind: str
    words: str = ""
    page: int = 1


@dataclass(frozen=True, kw_only=True)
class AssetPage:
    """Some assets of one kind."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    has_more: bool  # a later page has further ones
    is_partial: bool = False  # the search ended before all were looked at


class RunDetails:
    """The tasks, the assets and the logs of runs."""

    def __init__(
        self, engine: Engine, external: ExternalRuns, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._external = external
        self._now = now

    async def tasks(self, run: Run) -> Sequence[Task]:
        """List the tasks of a run in the order of their submission, with one query."""
        ids = run.submitted_task_ids[:MAX_TASKS_LISTED]
        found = await self._engine.tasks(ids) if ids else {}
        return [found[id_] for id_ in ids if id_ in found]

    async def log_tail(self, run: Run) -> str:
        """Return the end of the log of a run that another system executes, or ""."""
        return await self._external.find_log(run.id)

    async def kinds(self, run: Run, tasks: Sequence[Task]) -> Sequence[str]:
        """Return the kinds of assets that were found, the most important first."""
        counted = [kind for task in tasks for kind, count in task.found.items() if count]
        reported = [each.kind for each in run.findings.kinds] if run.findings else []
        external = await self._external.find(run.id)
        uploaded = external.asset_kinds if external else ()
        return sorted({*counted, *reported, *uploaded}, key=by_importance)

    async def assets(self, run: Run, query: AssetQuery) -> AssetPage:
        """Return one page of assets. Memory is bounded by the page, and time by `MAX_SEARCH_SECONDS`."""
        words, skip = query.words.casefold().split(), (query.page - 1) * PAGE_SIZE
        columns: Sequence[str] = ASSET_KINDS[query.kind].columns if query.kind in ASSET_KINDS else ()
        found: list[Mapping[str, str]] = []
        searched, until = 0, self._now() + MAX_SEARCH_SECONDS
        is_partial = False
        async for document in self._engine.iter_assets(run.submitted_task_ids, query.kind):
            searched += 1
            cells = as_cells(document, columns)
            if matches(cells, words):
                skip -= 1
                if skip < 0:
                    found.append(cells)
            if len(found) > PAGE_SIZE:
                break
            if searched >= MAX_ASSETS_SEARCHED or self._now() > until:
                is_partial = True
                break
        shown = found[:PAGE_SIZE]
        names = [name for name in columns if any(row.get(name) for row in shown)]
        names = names or list(dict.fromkeys(name for row in shown for name in row))
        rows = [[row.get(name, "") for name in names] for row in shown]
        return AssetPage(columns=names, rows=rows, has_more=len(found) > PAGE_SIZE, is_partial=is_partial)


def as_cells(document: Mapping[str, object], columns: Sequence[str]) -> Mapping[str, str]:
    """Return the fields of an asset as texts. Without columns, all of them."""
    names = columns or tuple(name for name in document if not name.startswith("_"))
    return {name: as_text(document.get(name)) for name in names}


def as_text(value: object) -> str:
    """Return a value of an asset as one line of text."""
    if isinstance(value, Mapping):
        filled = [(name, each) for name, each in list(value.items())[:MAX_CELL_ITEMS] if each]
        parts = [as_text(each) if len(filled) == 1 else f"{name}: {as_text(each)}" for name, each in filled]
    elif isinstance(value, list | tuple):
        parts = [as_text(each) for each in value[:MAX_CELL_ITEMS]]
    else:
        return text(value)[:MAX_CELL_CHARACTERS]
    return ", ".join(parts)[:MAX_CELL_CHARACTERS]


def matches(cells: Mapping[str, str], words: Sequence[str]) -> bool:
    """Return whether every word occurs in an asset."""
    whole = "\n".join(cells.values()).casefold() if words else ""
    return all(word in whole for word in words)
