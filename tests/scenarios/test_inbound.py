"""People speak, send a file, and reply to a card."""

from bot.delivery.plan import run_of_card
from tests.scenarios.conftest import GROUP, Chat, Service

CHAT = "cidSandboxOto-user01=="


async def answer(chat: Chat, conversation: str, **said: str) -> str:
    """Send a message, and return the robot's answer."""
    before = len(await chat.messages("markdown", conversation))
    body = {"conversation": conversation, "user": "user01", **said}
    assert (await chat.post("say", body))["delivered"]
    wanted = {"conversation": conversation, "kind": "markdown", "count": before + 1, "within": 60}
    return str((await chat.post("expect", wanted))["messages"][-1]["content"]["text"])


async def test_speech_is_a_command_a_file_is_refused_and_a_reply_means_its_card(
    service: Service, chat: Chat
) -> None:
    for number in (1, 2):
        await chat.say("@DingRun 重跑")
        cards = await chat.wait("card", number)
    assert "每日巡检" in await answer(chat, CHAT, msgtype="audio", text="状态")
    assert "我不读文件" in await answer(chat, CHAT, msgtype="file", content="aGk=", fileName="目标.xlsx")
    first, second = (str(run_of_card(card["outTrackId"])) for card in cards)
    proof = await answer(chat, GROUP, text="@DingRun 凭据", quote=cards[0]["id"])
    assert (first in proof, second in proof) == (True, False)
