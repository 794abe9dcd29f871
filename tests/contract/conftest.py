"""Each contract of a store is tested at every kind of address that `store.url` takes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.wiring.stores import StoreSet, open_stores
from tests.mongo_server import database_for


@pytest.fixture(params=["sqlite", "mongo"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Where an empty store can be."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/contract.db"
        return
    async with database_for(request.config) as database:
        yield database.address


@pytest.fixture
async def both(address: str) -> AsyncIterator[tuple[StoreSet, StoreSet]]:
    """The same place, seen by two processes."""
    first, second = open_stores(address), open_stores(address)
    await first.store.open()
    await second.store.open()
    yield first, second
    await first.store.close()
    await second.store.close()
