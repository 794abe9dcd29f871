"""`dingrun check` tests everything once and prints a line for each."""

import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner

from arl_sandbox import API_KEY
from bot.__main__ import main
from bot.cli.check import collect_results, examine
from bot.cli.check.services import check_routes
from bot.config.settings import Settings
from bot.mongo import Mongo
from bot.ports import CheckResult
from bot.stores.sqlite.store import SqliteStore
from bot.wiring.engines import open_engine
from bot.wiring.stores import open_stores
from cards.catalogue import load_topic
from dingtalk_sandbox import Sandbox
from tests.arl_sandbox.arl_fixture import open_arl_fixture
from tests.brokers import BrokerServer
from tests.fakes import FakeClock
from tests.mongo_server import Database
from tests.scenarios.conftest import settings as service_settings


def respond(text: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=text)

    return handler


@asynccontextmanager
async def serving(port: int, route: web.RouteDef) -> AsyncIterator[None]:
    app = web.Application()
    app.add_routes([route])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield
    await runner.cleanup()


async def examined(values: dict[str, object], folder: Path) -> tuple[bool, list[str]]:
    """Run the checks in English, as the texts of errors are. Returns if all is well, and the lines."""
    lines: list[str] = []
    defaults = {"store": {"url": f"sqlite:///{folder}/d.db"}, "reports": {"dir": str(folder / "reports")}}
    well = await examine(Settings.model_validate({"lang": "en"} | defaults | values), lines.append)
    return well, lines


def line_of(lines: list[str], check: str) -> str:
    """Return the line of a check."""
    return next(line for line in lines if line.partition(": ")[0].endswith(check))


async def test_a_sound_service_is_all_ticks(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        well, lines = await examined(service_settings(sandbox, ["example.com"]), tmp_path)
        assert sandbox.state.conversations.messages("cidSandboxGroupOps==") == []
    assert well
    shown = [line for line in lines if not line.startswith(" ")]
    assert {line[0] for line in shown} == {"✓", "-"}
    assert any(line.endswith("not verifiable without --send: only a message tells") for line in shown)
    assert "ticket" not in "".join(lines)


async def test_nothing_configured_is_sound_too(tmp_path: Path) -> None:
    well, lines = await examined({}, tmp_path)
    assert well
    assert "log only" in line_of(lines, "channels")


NOBODY = "mongodb://me:verysecret@127.0.0.1:9/dingrun"


async def test_nothing_is_created(tmp_path: Path) -> None:
    well, lines = await examined({}, tmp_path)
    assert well
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - a test's own folder
    assert all("created at the first start" in line for line in lines[:2])


async def test_a_store_that_is_there_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "d.db")
    await store.open()
    await store.set_value("a", "b")
    await store.close()
    before = (tmp_path / "d.db").read_bytes()
    well, lines = await examined({}, tmp_path)
    assert well
    assert lines[0].endswith("d.db")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"d.db": before}  # noqa: ASYNC240


async def test_a_folder_that_cannot_even_be_looked_at_ends_no_check(tmp_path: Path) -> None:
    """Such as one below a folder of root, or with a name that is too long."""
    hidden = str(tmp_path / ("a" * 300) / "b")
    _, lines = await examined(
        {"store": {"url": f"sqlite:///{hidden}/d.db"}, "reports": {"dir": hidden}}, tmp_path
    )
    assert "GiB" in line_of(lines, "disk")


async def test_a_store_in_use_is_sound_too(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "d.db")
    await store.open()
    well, _ = await examined({}, tmp_path)
    await store.close()
    assert well


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [("pragma user_version = 99", "written by a newer DingRun (schema 99"), ("", "is not a DingRun store")],
)
async def test_a_store_that_this_version_cannot_use_is_named(
    tmp_path: Path, statement: str, complaint: str
) -> None:
    path = tmp_path / "d.db"
    if statement:
        with closing(sqlite3.connect(path)) as db:
            db.execute(statement)
    else:
        path.write_text("not a database, but a text of some length" * 100)
    well, lines = await examined({}, tmp_path)
    assert not well
    assert complaint in lines[0]


async def test_a_mongodb_is_tried_and_nothing_made_in_it(tmp_path: Path, database: Database) -> None:
    well, lines = await examined({"store": {"url": database.address}}, tmp_path)
    assert well, lines
    mongo = Mongo(database.address)
    made = [await mongo.collection(name).count() for name in ("about", "facts")]
    await mongo.close()
    assert made == [0, 0]


async def test_a_port_that_another_program_has_is_named(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        well, lines = await examined({"web": {"port": port}}, tmp_path)
    assert not well
    assert f"web.port: 127.0.0.1:{port} cannot be served: Address already in use" in line_of(lines, "web")


async def test_a_port_that_dingrun_itself_has_is_no_fault(tmp_path: Path, unused_tcp_port: int) -> None:
    alive = web.get("/healthz", respond("ok\n"))
    async with serving(unused_tcp_port, alive):
        well, lines = await examined({"web": {"port": unused_tcp_port}}, tmp_path)
    assert well
    assert "DingRun is running there" in line_of(lines, "web")


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ({"CARD_TEMPLATE_ID": "button"}, "takes buttons, ai or an own id that ends in .schema, got 'button'"),
        (
            {"CARD_TEMPLATE_ID": "own.schema", "CARD_VARIABLES": {"heading": "title"}},
            "the mapping takes title, markdown, tips, buttons, got heading",
        ),
    ],
)
async def test_a_slip_in_the_card_template_is_named(
    tmp_path: Path, template: dict[str, object], complaint: str
) -> None:
    async with Sandbox() as sandbox:
        values = service_settings(sandbox, ["example.com"])
        values["DINGDING"] |= template
        well, lines = await examined(values, tmp_path)
    assert not well
    assert complaint in line_of(lines, "card template")


async def test_a_warning_is_a_line_and_no_fault(tmp_path: Path) -> None:
    once = {"name": "once", "at": "2020-01-01 03:00", "targets": ["example.com"]}
    well, lines = await examined({"schedules": [once]}, tmp_path)
    assert well
    assert "! settings: schedules[0].at: once was to run at 2020-01-01 03:00, which is past" in "".join(lines)


ARL_TOLD = {"APP_KEY": "k", "APP_SECRET": "s", "DEFAULT_CHAT_ID": "cidA"}


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        (
            {"notify": {"routes": {"每日巡栓": ["cidA"]}}},
            "notify.routes.每日巡栓: ARL has no",
        ),
        ({"notify": {"routes": {"每日巡检": ["cidA"]}}}, "1 条路由"),
        ({"DINGDING": ARL_TOLD | {"DEFAULT_CHAT_ID": ""}}, "nobody is notified of 每日巡检"),
        ({"DINGDING": ARL_TOLD}, "0 条路由"),
        ({}, "0 条路由"),
    ],
)
async def test_routes_are_compared_with_the_schedules_of_arl(
    clock: FakeClock, changes: dict[str, object], outcome: str
) -> None:
    async with open_arl_fixture(clock, None) as beside:
        beside.database.add_schedule("每日巡检", notify_enable=True)
        engine = {"kind": "arl", "url": beside.arl.url, "api_key": API_KEY}
        settings = Settings.model_validate({"engine": engine} | changes)
        stores = open_stores(settings.store.url)
        async with open_engine(settings, stores, clock=clock, owner="me") as arl:
            said = await check_routes(settings, arl)
    found = said if isinstance(said, CheckResult) else CheckResult(detail=said)
    assert outcome in found.detail
    assert found.cause == ("" if "条路由" in outcome else "routes_wrong")


async def test_an_engine_that_does_not_answer_is_not_laid_on_the_routes(tmp_path: Path) -> None:
    engine = {"kind": "arl", "url": "http://127.0.0.1:9", "api_key": API_KEY}
    values = {"engine": engine, "store": {"url": f"sqlite:///{tmp_path}/d.db"}}
    results = await collect_results(Settings.model_validate(values))
    (routes,) = [each.result for each in results if each.name.endswith("routes")]
    assert routes.cause == "engine_unusable"


def test_check_says_which_file_it_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DINGRUN_LANG", "en")
    nothing = CliRunner().invoke(main, ["check"])
    assert "no such file, defaults; environment: DINGRUN_LANG" in nothing.output
    assert not list(tmp_path.iterdir())
    (tmp_path / "other.yaml").write_text("lang: en")
    read = CliRunner().invoke(main, ["--config", "other.yaml", "check"])
    assert read.output.startswith(f"✓ settings: {tmp_path}/other.yaml")


@pytest.mark.parametrize(
    ("values", "line", "complaint"),
    [
        ({"store": {"url": "sqlite:////dev/null/x.db"}}, 0, "store.url"),
        ({"reports": {"dir": "/dev/null/reports"}}, 1, "reports.dir"),
        (
            {"store": {"url": f"{NOBODY}?serverSelectionTimeoutMS=200"}},
            0,
            "MongoDB does not answer: 127.0.0.1:9",
        ),
        (
            {"exporter": {"kind": "celery", "broker_url": "redis://:verysecret@127.0.0.1:9"}},
            2,
            "exporter.broker_url: redis://***@127.0.0.1:9 does not answer",
        ),
    ],
)
async def test_what_is_wrong_is_named(
    tmp_path: Path, values: dict[str, object], line: int, complaint: str
) -> None:
    well, lines = await examined(values, tmp_path)
    assert not well
    assert lines[line].startswith("✗")
    assert complaint in lines[line]
    assert "verysecret" not in "".join(lines)


async def test_wrong_keys_are_named_twice_and_never_shown(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        values = service_settings(sandbox, ["example.com"])
        values["DINGDING"]["APP_SECRET"] = "not-the-secret"  # noqa: S105 - it is not
        well, lines = await examined(values, tmp_path)
    assert not well
    assert [line_of(lines, name)[0] for name in ("keys", "Stream")] == ["✗", "✗"]
    assert "not-the-secret" not in "".join(lines)


async def test_a_broker_without_a_worker_is_not_enough(redis: BrokerServer, tmp_path: Path) -> None:
    well, lines = await examined({"exporter": {"kind": "celery", "broker_url": redis.url}}, tmp_path)
    assert not well
    assert "no worker is alive; start one: dingrun worker" in lines[2]
    assert load_topic("causes")["no_worker"]["en"] in "".join(lines)
    assert not (tmp_path / "d.db").exists()


async def test_every_app_is_checked_under_its_name(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        values = service_settings(sandbox, ["example.com"])
        values["notify"] = {"apps": {"second": {"APP_KEY": "unknown", "APP_SECRET": "wrong"}}}
        _, lines = await examined(values, tmp_path)
    assert (line_of(lines, "keys")[0], line_of(lines, "keys second")[0]) == ("✓", "✗")
