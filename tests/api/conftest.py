"""Fixtures of the API."""

from collections.abc import AsyncIterator

import pytest

from bot.wiring.stores import sqlite_stores
from tests.api.harness import ApiHarness, Client
from tests.conftest import CoreHarness


@pytest.fixture
def api(core: CoreHarness) -> ApiHarness:
    return ApiHarness(core, sqlite_stores(core.store))


@pytest.fixture
async def client(api: ApiHarness) -> AsyncIterator[Client]:
    async with api.client() as client:
        yield client
