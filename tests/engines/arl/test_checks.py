"""`dingrun check` on ARL: key, database, and whether it pushes by itself."""

from datetime import timedelta
from pathlib import Path

import pytest

from arl_sandbox import API_KEY, ArlDatabase, FakeArl
from bot.app import App
from bot.cli.check import examine
from bot.config.notify import NotifySettings
from bot.config.settings import Settings
from bot.engines.arl import engine as arl
from bot.engines.arl.checks import describe_clocks
from bot.errors import ConfigError
from bot.runtime import utc_now
from bot.wiring.engines import open_engine
from bot.wiring.stores import open_stores
from tests.arl_sandbox.arl_fixture import ArlFixture, open_arl_fixture
from tests.arl_sandbox.tls import self_signed
from tests.fakes import FakeClock

API, DATABASE, PUSHES = "ARL 接口 / API", "ARL 数据库 / database", "ARL 自己的推送 / its own pushes"


def beside_settings(beside: ArlFixture, folder: Path, **engine: str) -> Settings:
    return Settings.model_validate({
        "engine": {"kind": "arl", "url": beside.arl.url, "api_key": API_KEY} | engine,
        "store": {"url": f"sqlite:///{folder}/d.db"},
        "reports": {"dir": str(folder / "reports")},
    })


def line_of(lines: list[str], check: str) -> str:
    """Return the line of a check."""
    return next(line for line in lines if check in line)


async def try_check(name: str, settings: Settings) -> str:
    stores = open_stores(settings.store.url)
    async with open_engine(settings, stores, clock=utc_now, owner="check") as engine:
        return str(await engine.checks()[name]())


async def test_a_sound_arl_is_all_ticks(clock: FakeClock, tmp_path: Path) -> None:
    lines: list[str] = []
    async with open_arl_fixture(clock, None) as beside:
        beside.database.add_schedule()
        assert await examine(beside_settings(beside, tmp_path), lines.append)
    assert {line[0] for line in lines} == {"✓", "-"}
    api, database, _ = lines[-3:]
    assert "1 个计划" in api
    assert "API alone" in database


async def test_a_wrong_key_is_named_and_not_shown(clock: FakeClock, tmp_path: Path) -> None:
    lines: list[str] = []
    async with open_arl_fixture(clock, None) as beside:
        settings = beside_settings(beside, tmp_path, api_key="not-the-key")
        assert not await examine(settings, lines.append)
    assert "engine.api_key" in line_of(lines, API)
    assert "not-the-key" not in "".join(lines)


@pytest.mark.parametrize(("pinned", "said"), [(True, "1 个计划"), (False, "系统不信任 ARL 的证书")])
async def test_the_certificate_of_arl_s_script_is_trusted_only_through_ca_file(
    clock: FakeClock, tmp_path: Path, *, pinned: bool, said: str
) -> None:
    files, lines = self_signed(tmp_path), list[str]()
    world = ArlDatabase(clock)
    world.add_schedule()
    async with FakeArl(database=world, tls=files.context()) as arl_:
        engine = {"kind": "arl", "url": arl_.url, "api_key": API_KEY}
        engine |= {"ca_file": str(files.certificate)} if pinned else {}
        settings = Settings.model_validate({
            "engine": engine,
            "store": {"url": f"sqlite:///{tmp_path}/d.db"},
            "reports": {"dir": str(tmp_path / "reports")},
        })
        assert await examine(settings, lines.append) is pinned
    assert said in line_of(lines, API)


async def test_an_unreachable_arl_is_named_and_the_other_checks_still_run(
    clock: FakeClock, tmp_path: Path
) -> None:
    lines: list[str] = []
    async with open_arl_fixture(clock, None) as beside:
        settings = beside_settings(beside, tmp_path)
    assert not await examine(settings, lines.append)
    assert [line_of(lines, check)[0] for check in (API, DATABASE, PUSHES)] == ["✗", "✓", "✗"]
    assert "ARL 没有响应" in line_of(lines, API)


async def test_the_database_of_another_arl_is_found_out(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_arl_fixture(clock, None) as beside, open_arl_fixture(clock, request.config) as other:
        mine, theirs = beside.database.add_schedule(id_="5" * 24), other.database.add_schedule(id_="6" * 24)
        await other.database.flush()
        settings = beside_settings(beside, tmp_path, mongo_uri=other.address)
        with pytest.raises(ConfigError, match=f"another one.*{mine}、{theirs}"):
            await try_check(DATABASE, settings)


async def test_without_schedules_the_newest_task_identifies_the_database(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> None:
    async with (
        open_arl_fixture(clock, request.config) as beside,
        open_arl_fixture(clock, request.config) as other,
    ):
        beside.database.add_task("t", "domain", "a.example.com")
        await beside.database.flush()
        mine, theirs = (beside_settings(beside, tmp_path, mongo_uri=each.address) for each in (beside, other))
        assert "0 个计划" in await try_check(DATABASE, mine)
        with pytest.raises(ConfigError, match="another one"):
            await try_check(DATABASE, theirs)


async def test_documents_that_cannot_be_read_are_counted(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_arl_fixture(clock, request.config) as beside:
        beside.database.add_schedule()
        await beside.database.flush()
        monkeypatch.setattr(arl, "parse_schedule", {}.__getitem__)
        said = await try_check(DATABASE, beside_settings(beside, tmp_path, mongo_uri=beside.address))
    assert "1 条读不懂" in said


async def test_the_database_of_this_arl_says_how_many_schedules_tell(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_arl_fixture(clock, request.config) as beside:
        beside.database.add_schedule("开", notify_enable=True)
        beside.database.add_schedule("关")
        await beside.database.flush()
        settings = beside_settings(beside, tmp_path, mongo_uri=beside.address)
        assert "2 个计划，1 个会推送" in await try_check(DATABASE, settings)


async def pushed(beside: ArlFixture, name: str) -> None:
    """A run of which the fork has told DingTalk, as its record says."""
    beside.scheduler.run(beside.database.add_schedule(name, notify_enable=True))
    for record in beside.database.tables["task_schedule_run"]:
        beside.database.change("task_schedule_run", record, push_status="success")
    await beside.database.flush()


async def test_pushes_of_arl_are_named_with_how_to_turn_them_off(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> None:
    clock.now = utc_now()
    async with open_arl_fixture(clock, request.config, fork=True) as beside:
        await pushed(beside, "每日扫描")
        said = await try_check(PUSHES, beside_settings(beside, tmp_path, mongo_uri=beside.address))
    assert "每日扫描：会收到两份" in said
    assert "DINGDING.SECRET" in said


async def test_pushes_that_cannot_be_seen_are_no_pushes(clock: FakeClock, tmp_path: Path) -> None:
    async with open_arl_fixture(clock, None, fork=True) as beside:
        assert await try_check(PUSHES, beside_settings(beside, tmp_path)) == "没有 / none"
        beside.database.add_schedule("每日扫描", notify_enable=True)
        said = await try_check(PUSHES, beside_settings(beside, tmp_path))
    assert said.startswith("看不出来（每日扫描 开了推送）")


async def test_a_key_in_clear_is_pointed_out_but_on_this_machine(clock: FakeClock, tmp_path: Path) -> None:
    async with open_arl_fixture(clock, None) as beside:
        assert "明文" not in await try_check(API, beside_settings(beside, tmp_path))


@pytest.mark.parametrize(("ahead", "said"), [(29, ""), (-29, ""), (31, "快 31 秒"), (-3600, "慢 3600 秒")])
def test_clocks_that_differ_are_pointed_out(ahead: int, said: str) -> None:
    words = describe_clocks(timedelta(seconds=ahead))
    assert (said in words) if said else words == ""


@pytest.mark.parametrize("seconds", [-300, 300])
async def test_how_far_arl_s_clock_is_ahead_is_read_of_its_answers(clock: FakeClock, seconds: int) -> None:
    clock.now = utc_now() - timedelta(seconds=seconds)
    async with open_arl_fixture(clock, None) as beside:
        await beside.engine.diagnostics.check_api()
        ahead = beside.engine.diagnostics.clock_difference()
    assert abs(ahead - timedelta(seconds=seconds)) < timedelta(seconds=20)


async def test_operators_are_alerted_once_to_pushes_of_arl_across_bots_and_restarts(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> None:
    async with open_arl_fixture(clock, request.config, fork=True) as beside:
        await pushed(beside, "每日扫描")
        settings = with_operator(beside_settings(beside, tmp_path, mongo_uri=beside.address))
        async with App(settings, clock=clock) as app, App(settings, clock=clock) as other:
            for each in (app, other, app):
                await each.alert_engine_warnings()
        await pushed(beside, "每周扫描")
        async with App(settings, clock=clock) as restarted:
            await restarted.alert_engine_warnings()
            (job,) = await restarted.stores.store.find_jobs(kind="notice")
    assert job.payload["values"] == {"names": ["每日扫描"]}


async def test_operators_are_not_told_of_pushes_that_nobody_can_see(clock: FakeClock, tmp_path: Path) -> None:
    async with open_arl_fixture(clock, None, fork=True) as beside:
        beside.database.add_schedule(notify_enable=True)
        async with App(with_operator(beside_settings(beside, tmp_path)), clock=clock) as app:
            await app.alert_engine_warnings()
            assert await app.stores.store.find_jobs(kind="notice") == []


def with_operator(settings: Settings) -> Settings:
    notify = NotifySettings.model_validate({"operators": ["user:boss"]})
    return settings.model_copy(update={"notify": notify})
