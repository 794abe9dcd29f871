"""Dumps values for a store, and makes their text storable where it is not."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from bot.foreign_text import storable, storable_value

Noun = TypeVar("Noun")
Dumped = TypeVar("Dumped")


def dump(adapter: TypeAdapter[Noun], value: Noun, how: Callable[[Noun], Dumped]) -> Dumped:
    """Dump a value; one whose text UTF-8 cannot hold is dumped with replacement characters."""
    try:
        return how(value)
    except (PydanticSerializationError, UnicodeEncodeError):
        plain = storable_value(adapter.dump_python(value))
        return how(adapter.validate_python(plain))


def storable_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Make the texts among some values storable; other values stay as they are."""
    return {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}
