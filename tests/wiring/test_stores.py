"""The address says which store is opened, and what is missing is named."""

import sys
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.stores.mongo.store import MongoStore
from bot.stores.sqlite.store import SqliteStore
from bot.wiring.stores import open_stores


def test_sqlite_has_no_archive(tmp_path: Path) -> None:
    stores = open_stores(f"sqlite:///{tmp_path}/d.db")
    assert isinstance(stores.store, SqliteStore)
    assert stores.archive is None


async def test_mongodb_has_an_archive() -> None:
    stores = open_stores("mongodb://127.0.0.1:9/dingrun")
    assert isinstance(stores.store, MongoStore)
    assert stores.archive is not None
    await stores.store.close()


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bot.mongo")
    monkeypatch.setitem(sys.modules, "motor", None)
    monkeypatch.setitem(sys.modules, "motor.motor_asyncio", None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[mongo\]'"):
        open_stores("mongodb://h/d")


def test_another_address_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"store\.url takes sqlite:///FILE or mongodb://…, got mysql"):
        open_stores("mysql://u:secret@h/d")
