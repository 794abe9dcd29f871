"""A MongoDB server for the tests, and a database of its own for each of them."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from bot.mongo import Mongo
from tests.mongo_proxy import MongoProxy

VARIABLE = "DINGRUN_TEST_MONGODB"
HOW = f"Need a MongoDB server: pytest --mongo mongodb://127.0.0.1:27017/ or {VARIABLE} (.ci/run starts one)"


@dataclass(frozen=True, kw_only=True)
class Database:
    """An empty database, and the proxy on the way to it."""

    address: str
    proxy: MongoProxy


def add_option(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mongo", default=os.environ.get(VARIABLE, ""), metavar="URI", help="test the MongoDB store here too"
    )


@pytest.fixture(scope="session", autouse=True)
def own_variable() -> None:
    """The variable is for the tests alone: a service refuses one that is no setting of its own."""
    os.environ.pop(VARIABLE, None)


@pytest.fixture
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A database of a test's own."""
    async with database_for(request.config) as database:
        yield database


@pytest.fixture(params=["sqlite", "mongo"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of an empty store, of each kind that `store.url` takes."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store/dingrun.db"
        return
    async with database_for(request.config) as database:
        yield database.address


@pytest.fixture
async def mongo(database: Database) -> AsyncIterator[Mongo]:
    """The way to it."""
    mongo = Mongo(database.address)
    await mongo.open()
    yield mongo
    await mongo.close()


@asynccontextmanager
async def database_for(config: pytest.Config) -> AsyncIterator[Database]:
    """A new database, removed afterwards; without a server the test is skipped."""
    server = config.getoption("--mongo")
    if not server:
        pytest.skip(HOW)
    parts = urlsplit(server)
    async with MongoProxy(parts.hostname or "127.0.0.1", parts.port or 27017) as proxy:
        user, at, _ = parts.netloc.rpartition("@")
        name = f"dingrun_test_{secrets.token_hex(6)}"
        netloc = f"{user}{at}127.0.0.1:{proxy.port}"
        address = urlunsplit(parts._replace(netloc=netloc, path=f"/{name}"))
        yield Database(address=address, proxy=proxy)
    await _remove(urlunsplit(parts._replace(path=f"/{name}")))


async def _remove(address: str) -> None:
    mongo = Mongo(address)
    await mongo.drop()
    await mongo.close()
