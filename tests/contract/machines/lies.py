"""A store of which one method lies, to see that a machine finds it out."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from inspect import signature
from typing import Any

from bot.wiring.stores import StoreSet

WRONG: Mapping[type, Callable[[Any], Any]] = {
    bool: lambda answer: not answer,
    int: lambda answer: answer + 1,
    str: lambda answer: f"{answer}?",
    datetime: lambda answer: answer + timedelta(seconds=1),
    dict: lambda _: {},
    list: lambda _: [],
    tuple: lambda _: (),
    set: lambda _: set(),
}
"""A wrong answer of the same type. Instead of any other answer there is none."""


class Liar:
    """A port of which one method lies. It notes in `called` which methods are used."""

    def __init__(self, port: Any, method: str, called: set[str]) -> None:
        self._port = port
        self._method = method
        self._called = called

    def __getattr__(self, name: str) -> Any:
        self._called.add(name)
        real = getattr(self._port, name)
        return lying(real) if name == self._method else real


def lying(real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return a method that gives a wrong answer, or does nothing if it has none to give."""

    async def lie(*arguments: Any, **options: Any) -> Any:
        if signature(real).return_annotation in {None, "None"}:
            return None
        answer = await real(*arguments, **options)
        change: Callable[[Any], Any] = WRONG.get(type(answer), lambda _: None)
        return change(answer)

    return lie


def with_lie(stores: StoreSet, method: str, called: set[str]) -> StoreSet:
    """Return the ports of a store. A method of this name lies."""
    ports = {field.name: getattr(stores, field.name) for field in fields(stores)}
    return replace(stores, **{name: Liar(port, method, called) for name, port in ports.items()})
