"""A host for the recipes, beside the whole program."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.scenarios.recipes.pages import Workshop
from tests.scenarios.reporting import reporting


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workshop]:
    async with reporting(tmp_path_factory.mktemp("host")) as host:
        yield Workshop(host)
