"""Builders of SQL text. Names of tables and columns are ours; values are always bound."""

import json
from collections.abc import Collection, Mapping
from functools import cache


@cache
def insert(table: str, columns: tuple[str, ...], *, over: bool = False) -> str:
    """Build an insert that returns a row if it wrote. With `over`, it replaces an existing row."""
    conflict = "replace" if over else "ignore"
    names, places = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    return f"insert or {conflict} into {table} ({names}) values ({places}) returning 1"  # noqa: S608


def filters(where: Mapping[str, object]) -> str:
    """Build a where clause for the columns that have a value."""
    given = [f"{name} = :{name}" for name, value in where.items() if value]
    return "where " + (" and ".join(given) or "true")


def array(values: Collection[str]) -> str:
    """Encode a list of any length as one JSON parameter."""
    return json.dumps(list(values))
