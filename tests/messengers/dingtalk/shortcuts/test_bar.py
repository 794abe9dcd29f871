"""The shortcut bar of the one-to-one chat."""

import aiohttp
import pytest
from aioresponses import aioresponses

from bot.errors import PermanentError, TemporaryError
from bot.messengers.dingtalk.api import ApiClient
from bot.messengers.dingtalk.auth import Tokens
from bot.messengers.dingtalk.shortcuts.bar import Shortcut, ShortcutBar, merge
from tests.messengers.dingtalk.conftest import API, APP, OAPI

PLUGINS = f"{API}/v1.0/robot/plugins"
STATUS = Shortcut.named("状态", "Status", "https://a.cn/status")
PLANS = Shortcut.named("计划", "Schedules", "https://a.cn/status#schedules")


@pytest.fixture
def bar(session: aiohttp.ClientSession, tokens: Tokens) -> ShortcutBar:
    return ShortcutBar(ApiClient(session, APP, tokens), APP.robot_code)


def shortcut(name: str, icon: str = "") -> Shortcut:
    return Shortcut(name=name, pc_url="https://b.cn", mobile_url="https://b.cn", icon=icon)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("状态", "状态"),
        ('{"en_US":"Status","zh_CN":"状态"}', "状态"),
        ('{"en_US":"Status"}', '{"en_US":"Status"}'),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_a_name_is_plain_or_by_language(name: str, label: str) -> None:
    assert shortcut(name).label == label


def test_ours_come_first_and_share_an_icon() -> None:
    present = [shortcut("客服", "@theirs"), shortcut("状态", "@ours")]
    merged = merge(present, [STATUS, PLANS])
    assert [(each.label, each.icon) for each in merged] == [
        ("状态", "@ours"),
        ("计划", "@ours"),
        ("客服", "@theirs"),
    ]


async def test_the_order_in_the_answer_does_not_matter(bar: ShortcutBar, wire: aioresponses) -> None:
    entries = [
        {"name": s.label, "icon": "@a", "pcUrl": s.pc_url, "mobileUrl": s.pc_url} for s in (PLANS, STATUS)
    ]
    wire.post(f"{PLUGINS}/query", payload={"pluginInfoList": entries})
    assert not await bar.ensure([STATUS, PLANS])


async def test_an_answer_that_nothing_was_set_is_an_error(bar: ShortcutBar, wire: aioresponses) -> None:
    wire.post(f"{PLUGINS}/query", payload={})
    upload = f"{OAPI}/media/upload?access_token=token-1&type=image"
    wire.post(upload, payload={"errcode": 0, "media_id": "@icon"})
    wire.post(f"{PLUGINS}/set", payload={"result": False})
    with pytest.raises(PermanentError, match="did not set"):
        await bar.ensure([STATUS])


@pytest.mark.parametrize("found", ["x", ["x"], {"a": 1}])
async def test_an_odd_list_is_an_error(bar: ShortcutBar, wire: aioresponses, found: object) -> None:
    wire.post(f"{PLUGINS}/query", payload={"pluginInfoList": found})
    with pytest.raises(TemporaryError, match="no list of shortcuts"):
        await bar.ensure([STATUS])
