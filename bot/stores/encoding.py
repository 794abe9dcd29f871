"""Conversion of values for a store, with text that UTF-8 can encode."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from bot.foreign_text import storable, storable_value

Model = TypeVar("Model")
Dumped = TypeVar("Dumped")


def dump(adapter: TypeAdapter[Model], value: Model, how: Callable[[Model], Dumped]) -> Dumped:
    """Dump a value. Text that UTF-8 cannot encode gets replacement characters."""
    try:
        return how(value)
    except (PydanticSerializationError, UnicodeEncodeError):
        plain = storable_value(adapter.dump_python(value))
        return how(adapter.validate_python(plain))


def storable_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Make all texts among the values storable."""
    return {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}
