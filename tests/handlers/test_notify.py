"""Test the command `通知` / `notify`."""

from dataclasses import replace

import pytest

from bot.chat.permissions import AccessPolicy
from bot.models import NotifyOn, PushStatus, RecipientOptions
from handlers.notify import MODES, split_mode
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_schedule


async def effective(core: CoreHarness) -> tuple[bool | None, NotifyOn | None]:
    """Return what differs from the settings."""
    change = (await core.context.delivery.overrides.find("s1")).notify
    return (change.notify_enable, change.notify_on) if change else (None, None)


def set_schedule(core: CoreHarness, **changes: object) -> None:
    core.schedule = replace(core.schedule, **changes)  # type: ignore[arg-type]
    core.engine.known[:] = [core.schedule]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("通知 每日巡检 关", (False, None)),
        ("通知 每日巡检 仅失败", (None, NotifyOn.FAILED)),
        ("通知 巡检 变化", (None, NotifyOn.CHANGE)),
        ("notify 每日巡检 always", (None, NotifyOn.ALWAYS)),
        ("Notify 每日巡检 Failed Only", (None, NotifyOn.FAILED)),
        ("通知 关", (False, None)),
        ("通知 每日巡检 开", (None, None)),  # as in the settings
        ("通知 每日巡检 结束时", (None, None)),
    ],
)
async def test_only_the_difference_to_the_settings_is_kept(
    core: CoreHarness, said: str, expected: tuple[bool | None, NotifyOn | None]
) -> None:
    assert "每日巡检" in await core.say(said)
    assert await effective(core) == expected


async def test_the_next_run_follows_the_change(core: CoreHarness) -> None:
    await core.say("通知 每日巡检 关")
    assert (await core.finished_run()).push_status is PushStatus.SKIPPED
    await core.say("通知 每日巡检 总是")
    core.clock.turn(seconds=1)
    assert (await core.finished_run()).push_status is PushStatus.SUCCESS


async def test_a_change_is_shown_as_different_from_the_settings_and_can_be_reset(core: CoreHarness) -> None:
    assert "关（配置里：执行结束时）" in await core.say("通知 每日巡检 关")
    assert "李雷" in await core.say("通知 每日巡检")
    assert "和配置一致" in await core.say("通知 每日巡检 默认")
    assert "配置里" not in await core.say("通知 每日巡检")


async def test_turning_it_off_and_on_keeps_the_outcomes(core: CoreHarness) -> None:
    for word in ("仅失败", "关", "开"):
        await core.say(f"通知 每日巡检 {word}")
    assert await effective(core) == (None, NotifyOn.FAILED)


async def test_options_of_one_destination_are_replaced_even_by_the_schedules_own(core: CoreHarness) -> None:
    options = RecipientOptions(to=GROUP, notify_on=NotifyOn.FAILED)
    set_schedule(core, recipient_options=(options,))
    await core.say("通知 每日巡检 结束时")
    assert await effective(core) == (None, NotifyOn.FINISHED)


async def test_all_schedules_are_listed_with_their_differences(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2", name="备份"))
    await core.say("通知 备份 仅失败")
    await core.say("静默 每日巡检 下次")
    answer = await core.say("通知")
    assert "每日巡检**：执行结束时，下次执行静默" in answer
    assert "备份**：仅失败（配置里：关）" in answer


async def test_without_a_destination_it_says_where_to_name_one(core: CoreHarness) -> None:
    set_schedule(core, notify_enable=False, send_to=())
    assert "send_to" in await core.say("通知 每日巡检 开")


async def test_a_viewer_may_not_change_it(core: CoreHarness) -> None:
    core.access_policy = AccessPolicy(operators=("boss",))
    core.build()
    assert "不能操作" in await core.say("通知 每日巡检 关")
    assert await effective(core) == (None, None)


async def test_a_rerun_says_that_nobody_will_be_told(core: CoreHarness) -> None:
    await core.say("通知 每日巡检 关")
    assert "没开推送" in await core.say("重跑 每日巡检")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("网关", "网关"),
        ("网关 关", "网关"),
        ("failed jobs", "failed jobs"),
        ("on", ""),
        ("a b failed only", "a b"),
    ],
)
def test_a_mode_is_a_word_of_its_own(text: str, name: str) -> None:
    assert split_mode(text)[0] == name


def test_every_outcome_has_a_word() -> None:
    assert {mode.on for mode in MODES.values()} == {None, *NotifyOn}
