"""Custom robots."""

import re
from dataclasses import replace

import aiohttp
import pytest
from aioresponses import aioresponses
from yarl import URL

from bot.errors import PermanentError, TemporaryError
from bot.messengers.dingtalk.mentions import is_mobile
from bot.messengers.dingtalk.webhook import WebhookMessenger, message_body, sign
from bot.models import Destination, MarkdownMessage
from dingtalk_sandbox import Sandbox
from tests.factories import NOW, make_robot
from tests.fakes import FakeClock
from tests.messengers.dingtalk.conftest import OAPI

ROBOT = Destination.parse("webhook:ops")
NOTE = MarkdownMessage(title="标题", text="**正文** [r1]")


@pytest.fixture
def robot(session: aiohttp.ClientSession, clock: FakeClock) -> WebhookMessenger:
    robots = {
        "ops": make_robot("tok", "SECsecret"),
        "open": replace(make_robot("tok2", ""), setting="notify.webhooks.open"),
    }
    return WebhookMessenger(session, robots, clock=clock)


def test_the_signature_is_dingtalks() -> None:
    r"""As `printf '%s\\n%s' … | openssl dgst -sha256 -hmac SECsecret -binary | base64` says."""
    assert sign("SECsecret", 1_700_000_000_000) == "0QWYb8Ux63Sm4BhHaJNL3lv5mqW1sLFoks7vu+HFFi4="


async def test_a_message_is_signed_and_known_by_its_uuid(wire: aioresponses, robot: WebhookMessenger) -> None:
    now = int(NOW.timestamp() * 1000)
    query = {"access_token": "tok", "timestamp": str(now), "sign": sign("SECsecret", now)}
    url = URL(f"{OAPI}/robot/send").with_query(query)
    wire.post(url, payload={"errcode": 0}, repeat=True)
    first = await robot.send_message(ROBOT, NOTE, "note:r1:webhook:ops")
    again = await robot.send_message(ROBOT, NOTE, "note:r1:webhook:ops")
    assert first == again


async def test_a_robot_without_a_secret_is_not_signed(wire: aioresponses, robot: WebhookMessenger) -> None:
    wire.post(f"{OAPI}/robot/send?access_token=tok2", payload={"errcode": 0})
    assert await robot.send_message(Destination.parse("webhook:open"), NOTE, "k")


async def test_what_a_custom_robot_cannot_do_is_permanent(robot: WebhookMessenger, session: object) -> None:
    with pytest.raises(PermanentError, match=r"notify\.webhooks"):
        await robot.send_message(Destination.parse("webhook:nobody"), NOTE, "k")


async def test_a_real_robot_takes_it_once(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        robots = {"ops": make_robot()}
        robot = WebhookMessenger(session, robots, clock=sandbox.state.clock.now, base=sandbox.url)
        for _ in range(2):
            await robot.send_message(ROBOT, NOTE, "note:r1")
    assert len(sandbox.state.conversations.messages("cidSandboxGroupOps==")) == 1


async def test_a_clock_that_is_off_is_refused_in_plain_words(sandbox: Sandbox, clock: FakeClock) -> None:
    settings = replace(sandbox.state.settings, webhook_wording="old")
    sandbox.state.scenario = replace(sandbox.state.scenario, settings=settings)
    async with aiohttp.ClientSession() as session:
        robots = {"ops": make_robot()}
        clock.turn(seconds=-9_000_000)
        robot = WebhookMessenger(session, robots, clock=clock, base=sandbox.url)
        with pytest.raises(TemporaryError, match=r"clock says .* synchronize"):
            await robot.send_message(ROBOT, NOTE, "note:r1")


LINK = "link:请参考本接口对应文档获得具体要求，或者在https://open.dingtalk.com/document/  搜索相关文档;"
SIGNATURE = (
    "description:机器人发送签名不匹配;"
    "solution:请确认签名和生成签名的时间戳必须都放在调用的网址中，请确认机器人的密钥加密和填写正确;" + LINK
)
EXPIRED = "description:机器人发送签名过期;solution:签名生成时间和发送时间请保持在 timestampms 以内;" + LINK
KEYWORD = (
    "description:关键词不匹配;solution:请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词;"
)
OLD_LINK = ", more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]"


@pytest.mark.parametrize(
    ("name", "words", "outcome"),
    [
        ("open", "invalid timestamp" + OLD_LINK, (PermanentError, "set notify.webhooks.open.SECRET")),
        ("open", "sign not match" + OLD_LINK, (PermanentError, "set notify.webhooks.open.SECRET")),
        ("open", SIGNATURE, (PermanentError, "set notify.webhooks.open.SECRET")),
        ("open", EXPIRED, (PermanentError, "set notify.webhooks.open.SECRET")),
        (
            "open",
            "错误描述:机器人发送签名不匹配;解决方案:请确认时间戳",
            (PermanentError, "webhooks.open.SECRET"),
        ),
        ("ops", "sign not match", (PermanentError, "DINGDING.SECRET is not its secret")),
        ("ops", SIGNATURE, (PermanentError, "DINGDING.SECRET is not its secret")),
        ("ops", "invalid timestamp" + OLD_LINK, (TemporaryError, "this machine's clock says")),
        ("ops", EXPIRED, (TemporaryError, "this machine's clock says")),
        ("ops", "keywords not in content", (PermanentError, "set DINGDING.KEYWORD")),
        ("ops", KEYWORD, (PermanentError, "set DINGDING.KEYWORD")),
        ("ops", "ip 192.0.2.1 not in whitelist", (PermanentError, "allowed addresses")),
        ("ops", "description:something new;", (PermanentError, "answered 310000 description:something new")),
    ],
)
async def test_a_refusal_by_the_security_settings_names_its_cure(
    wire: aioresponses, robot: WebhookMessenger, name: str, words: str, outcome: tuple[type[Exception], str]
) -> None:
    """In the words of the first years and in today's alike."""
    kind, cure = outcome
    wire.post(re.compile(rf"{OAPI}/robot/send"), payload={"errcode": 310000, "errmsg": words})
    with pytest.raises(kind) as refused:
        await robot.send_message(Destination.parse(f"webhook:{name}"), NOTE, "k")
    assert cure in str(refused.value)
    assert "SECsecret" not in str(refused.value)


async def test_a_signing_robot_without_a_secret_is_no_matter_of_the_clock(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        robots = {"ops": replace(make_robot(), secret="")}
        robot = WebhookMessenger(session, robots, clock=sandbox.state.clock.now, base=sandbox.url)
        with pytest.raises(PermanentError, match=r"set DINGDING\.SECRET"):
            await robot.send_message(ROBOT, NOTE, "note:r1")


async def test_a_robot_that_demands_a_keyword_gets_it(sandbox: Sandbox) -> None:
    scene = sandbox.state.scenario
    robot = replace(scene.custom_robots[0], keywords=("巡检",))
    sandbox.state.scenario = replace(scene, custom_robots=(robot,))
    given = {"ops": make_robot(keyword="巡检")}
    async with aiohttp.ClientSession() as session:
        messenger = WebhookMessenger(session, given, clock=sandbox.state.clock.now, base=sandbox.url)
        await messenger.send_message(ROBOT, NOTE, "note:r1")
    (message,) = sandbox.state.conversations.messages("cidSandboxGroupOps==")
    assert str(message.content["text"]).endswith("巡检")


async def test_a_mention_rings(sandbox: Sandbox) -> None:
    given = {"ops": make_robot()}
    async with aiohttp.ClientSession() as session:
        messenger = WebhookMessenger(session, given, clock=sandbox.state.clock.now, base=sandbox.url)
        await messenger.send_message(ROBOT, replace(NOTE, mention=("user01", "all")), "note:r1")
    (message,) = sandbox.state.conversations.messages("cidSandboxGroupOps==")
    assert message.content["mentions"] == {"rings": ["user01"], "silent": [], "all": True}


def test_mobiles_and_staff_ids_are_told_apart() -> None:
    note = replace(NOTE, mention=("13800000000", "user01", "+852-90000000"))
    body = message_body(note)
    assert body["at"] == {
        "atMobiles": ["13800000000", "+852-90000000"],
        "atUserIds": ["user01"],
        "isAtAll": False,
    }
    assert body["markdown"]["text"].endswith("@13800000000 @user01 @+852-90000000")
    assert not is_mobile("012345")


def test_a_keyword_that_stands_there_already_is_not_repeated() -> None:
    assert message_body(replace(NOTE, text="巡检 好"), "巡检")["markdown"]["text"] == "巡检 好"
