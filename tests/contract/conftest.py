"""Each contract of a store is tested at every kind of address that `store.url` takes."""

from collections.abc import AsyncIterator

import pytest

from bot.wiring.stores import StoreSet, open_stores


@pytest.fixture
async def both(address: str) -> AsyncIterator[tuple[StoreSet, StoreSet]]:
    """The same place, seen by two processes."""
    first, second = open_stores(address), open_stores(address)
    await first.store.open()
    await second.store.open()
    yield first, second
    await first.store.close()
    await second.store.close()
