"""The doctor on ARL: key, database, and whether it pushes by itself."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import App
from bot.arl_doctor import check_api, check_database, check_pushes, clocks
from bot.doctor import examine
from bot.errors import ConfigError
from bot.notify import NotifySettings
from bot.process import utc_now
from bot.sandbox.arl import KEY
from bot.settings import Settings
from tests.arl.beside import Beside, beside_arl
from tests.fakes import FakeClock
from tests.mongo_server import Database


def beside_settings(beside: Beside, folder: Path, **engine: str) -> Settings:
    return Settings.model_validate({
        "engine": {"kind": "arl", "url": beside.arl.url, "api_key": KEY} | engine,
        "store": {"url": f"sqlite:///{folder}/d.db"},
        "reports": {"dir": str(folder / "reports")},
    })


async def test_a_sound_arl_is_all_ticks(clock: FakeClock, tmp_path: Path) -> None:
    lines: list[str] = []
    async with beside_arl(clock, None) as beside:
        beside.world.schedule()
        assert await examine(beside_settings(beside, tmp_path), lines.append)
    assert {line[0] for line in lines} == {"✓"}
    api, database, _ = lines[-3:]
    assert "1 个计划" in api
    assert "API alone" in database


async def test_a_wrong_key_is_named_and_not_shown(clock: FakeClock, tmp_path: Path) -> None:
    lines: list[str] = []
    async with beside_arl(clock, None) as beside:
        settings = beside_settings(beside, tmp_path, api_key="not-the-key")
        assert not await examine(settings, lines.append)
    assert "engine.api_key" in lines[-3]
    assert "not-the-key" not in "".join(lines)


async def test_an_arl_that_is_down_is_named_and_the_rest_is_examined_all_the_same(
    clock: FakeClock, tmp_path: Path
) -> None:
    lines: list[str] = []
    async with beside_arl(clock, None) as beside:
        settings = beside_settings(beside, tmp_path)
    assert not await examine(settings, lines.append)
    assert [line[0] for line in lines[-3:]] == ["✗", "✓", "✗"]
    assert "ARL does not answer" in lines[-3]


async def test_the_database_of_another_arl_is_found_out(
    clock: FakeClock, tmp_path: Path, database: Database
) -> None:
    async with beside_arl(clock, None) as beside:
        beside.world.schedule()
        settings = beside_settings(beside, tmp_path, mongo_uri=database.address)
        with pytest.raises(ConfigError, match="it has 0 schedules and ARL 1"):
            await check_database(settings)


async def test_the_database_of_this_arl_says_how_many_schedules_tell(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> None:
    async with beside_arl(clock, request.config) as beside:
        beside.world.schedule("开", notify_enable=True)
        beside.world.schedule("关")
        await beside.world.flush()
        settings = beside_settings(beside, tmp_path, mongo_uri=beside.address)
        assert "2 个计划，1 个会推送" in await check_database(settings)


async def test_pushes_of_arl_s_own_are_named_with_how_to_turn_them_off(
    clock: FakeClock, tmp_path: Path
) -> None:
    async with beside_arl(clock, None) as beside:
        beside.world.schedule("每日扫描", notify_enable=True)
        said = await check_pushes(beside_settings(beside, tmp_path))
    assert "每日扫描" in said
    assert "DINGDING.SECRET" in said


async def test_a_key_in_clear_is_pointed_out_but_on_this_machine(clock: FakeClock, tmp_path: Path) -> None:
    async with beside_arl(clock, None) as beside:
        assert "明文" not in await check_api(beside_settings(beside, tmp_path))


@pytest.mark.parametrize(("ahead", "said"), [(29, ""), (-29, ""), (31, "快 31 秒"), (-3600, "慢 3600 秒")])
def test_clocks_that_differ_are_pointed_out(ahead: int, said: str) -> None:
    words = clocks(timedelta(seconds=ahead))
    assert (said in words) if said else words == ""


@pytest.mark.parametrize("seconds", [-300, 300])
async def test_how_far_arl_s_clock_is_ahead_is_read_of_its_answers(clock: FakeClock, seconds: int) -> None:
    clock.now = utc_now() - timedelta(seconds=seconds)
    async with beside_arl(clock, None) as beside:
        ahead = await beside.engine.clock_ahead()
    assert abs(ahead - timedelta(seconds=seconds)) < timedelta(seconds=20)


async def test_operators_are_told_once_that_arl_pushes_as_well_by_all_bots_and_across_restarts(
    clock: FakeClock, tmp_path: Path
) -> None:
    async with beside_arl(clock, None) as beside:
        beside.world.schedule("每日扫描", notify_enable=True)
        settings = beside_settings(beside, tmp_path)
        told = {"operators": ["user:boss"]}
        settings = settings.model_copy(update={"notify": NotifySettings.model_validate(told)})
        async with App(settings, clock=clock) as app, App(settings, clock=clock) as other:
            for each in (app, other, app):
                await each.warn_of_pushes()
        beside.world.schedule("每周扫描", notify_enable=True)
        async with App(settings, clock=clock) as restarted:
            await restarted.warn_of_pushes()
            (job,) = await restarted.stores.store.find_jobs(kind="notice")
    assert job.payload["values"] == {"names": ["每日扫描"]}
