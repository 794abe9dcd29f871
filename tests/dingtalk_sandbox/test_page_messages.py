"""Messages on the page: recall, mentions, cost, and AI cards."""

import asyncio
import json

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser import IN_BROWSER, browser, page
from tests.dingtalk_sandbox.page_driver import bot, chat, inspector, last
from tests.dingtalk_sandbox.tiny_bot import AI, APP, RERUN, TinyBot

__all__ = ["bot", "browser", "chat", "page"]  # fixtures

pytestmark = IN_BROWSER

BLOCKS = ["msgTitle", "msgContent", "staticMsgContent", "msgTextList", "msgButtons"]
WHOLE = {
    "order": BLOCKS,
    "msgButtons": [RERUN],
    "msgTextList": [{"text": "第一条"}],
    "source": {"text": "由机器人生成"},
}


async def test_a_message_of_the_robot_is_recalled_by_its_button(chat: Page, bot: TinyBot) -> None:
    await bot.send("sampleText", content="发错了")
    await last(chat, "text").get_by_test_id("recall").click()
    await expect(last(chat, "text")).to_have_text("DingRun 撤回了一条消息")
    await expect(last(chat, "text").get_by_test_id("inspect")).to_be_focused()
    await expect(chat.get_by_test_id("log").get_by_text("发错了")).to_have_count(0)


async def test_a_person_recalls_the_own_message_and_nobody_elses(chat: Page) -> None:
    await chat.get_by_test_id("composer").fill("说漏了")
    await chat.get_by_test_id("send").click()
    await expect(last(chat, "text").get_by_test_id("recall")).to_have_count(1)
    await chat.get_by_test_id("speak-as").select_option("user01")
    await expect(last(chat, "text").get_by_test_id("recall")).to_have_count(0)
    await chat.get_by_test_id("speak-as").select_option("manager01")
    await last(chat, "text").get_by_test_id("recall").click()
    await expect(last(chat, "text")).to_have_text("你 撤回了一条消息")


RINGS = [  # text, at list, who is told (rings) or not (no-ring)
    ("@user01 请看", {"atUserIds": ["user01"]}, ("rings", "会提醒 李雷")),
    ("@user01 请看", {}, ("no-ring", "李雷：不在 at 列表里")),
    ("请看", {"atUserIds": ["user01"]}, ("no-ring", "李雷：文字里没有 @")),
    ("@13800000000 请看", {"atMobiles": []}, ("no-ring", "13800000000：不在 at 列表里")),
    ("@nobody9", {"atUserIds": ["nobody9"]}, ("no-ring", "nobody9：不在这个会话里")),
    ("@李雷 请看", {"isAtAll": True}, ("rings", "会提醒 所有人")),
]


@pytest.mark.parametrize(("text", "at", "shown"), RINGS)
async def test_a_mention_of_a_webhook_rings_when_it_is_in_the_text_and_in_the_list(
    chat: Page, bot: TinyBot, text: str, at: object, shown: tuple[str, str]
) -> None:
    await bot.hook(text, at=at)
    name, words = shown
    await expect(last(chat, "text").get_by_test_id(name)).to_contain_text(words)
    assert await last(chat, "text").locator(".rings").count() == 1


async def test_a_group_message_of_the_openapi_rings_for_nobody(chat: Page, bot: TinyBot) -> None:
    await bot.send("sampleText", content="@李雷 请看")
    await expect(last(chat, "text").get_by_test_id("no-ring")).to_contain_text(
        "李雷：机器人群发接口不支持 @ 人"
    )
    await expect(last(chat, "text").locator(".mention")).to_have_count(0)


async def test_what_a_person_says_rings_by_itself(chat: Page) -> None:
    await chat.get_by_test_id("composer").fill("@李雷 请看")
    await chat.get_by_test_id("send").click()
    await expect(last(chat, "text").locator(".mention")).to_have_text("@李雷")
    await expect(last(chat, "text").get_by_test_id("no-ring")).to_have_count(0)


async def test_the_inspector_adds_up_what_a_card_cost(chat: Page, bot: TinyBot) -> None:
    async with bot.listening():
        await bot.send_card()
        await last(chat, "card").locator("[data-action=rerun]").click()
        await expect(chat.get_by_test_id("private")).to_be_visible()
        await bot.update_card(markdown="**正在重跑**")
    panel = await inspector(chat, "card")
    await expect(panel.get_by_test_id("cost")).to_contain_text("API 调用额度 × 2")
    await expect(panel.get_by_test_id("cost")).to_contain_text("Stream 额度 × 1")
    await expect(panel.get_by_test_id("related")).to_contain_text(["按钮回调", "更新"])


async def test_the_inspector_shows_the_lock_screen_and_the_search(chat: Page, bot: TinyBot) -> None:
    search = {"searchDesc": "每日巡检 r1"}
    await bot.deliver(
        "c1", {"title": "巡检"}, notification={"alertContent": "失败 2/10"}, searchSupport=search
    )
    panel = await inspector(chat, "card")
    await expect(panel.get_by_test_id("alert")).to_have_text("失败 2/10")
    await expect(panel.get_by_test_id("search")).to_have_text("每日巡检 r1")
    await expect(chat.get_by_test_id("silent")).to_have_count(0)


async def test_a_card_without_a_notification_says_so(chat: Page, bot: TinyBot) -> None:
    await bot.deliver("c1", {"title": "巡检"}, notification={"notificationOff": True})
    await expect(last(chat, "card").get_by_test_id("silent")).to_have_text("免打扰")


async def test_a_card_that_is_sent_again_shows_as_a_retry(chat: Page, bot: TinyBot) -> None:
    await bot.send_card()
    with pytest.raises(AssertionError, match="cardAlreadyExist"):
        await bot.send_card()
    panel = await inspector(chat, "card")
    await expect(panel.get_by_test_id("retries")).to_have_text("1 次")
    await expect(panel.get_by_test_id("related")).to_contain_text("param.cardAlreadyExist")


async def test_a_webhook_that_repeats_its_msg_uuid_costs_once(chat: Page, bot: TinyBot) -> None:
    for _ in range(2):
        await bot.hook("只有一条", msgUuid="u-1")
    panel = await inspector(chat, "text")
    await expect(panel.get_by_test_id("retries")).to_have_text("1 次")
    await expect(panel.get_by_test_id("cost")).to_have_text("Webhook 与 Stream 额度 × 1")
    await expect(chat.get_by_test_id("message")).to_have_count(1)


async def test_a_file_costs_its_upload_too(chat: Page, bot: TinyBot) -> None:
    await bot.send_file("报告.xlsx", b"PK")
    panel = await inspector(chat, "file")
    await expect(panel.get_by_test_id("cost")).to_have_text("API 调用额度 × 2")
    await expect(panel.get_by_test_id("related")).to_contain_text("上传")


async def test_the_open_inspector_follows_its_message(chat: Page, bot: TinyBot) -> None:
    await bot.send_card()
    panel = await inspector(chat, "card")
    await bot.update_card(markdown="**好**")
    await expect(panel.get_by_test_id("related")).to_contain_text("更新")


async def test_an_ai_card_goes_from_working_to_its_blocks(chat: Page, bot: TinyBot) -> None:
    await bot.deliver("ai-1", {"flowStatus": "1", "msgTitle": "每日巡检"}, AI)
    card = last(chat, "card")
    await expect(card).to_contain_text("处理中")
    words = {
        "msgContent": "**成功 3**",
        "staticMsgContent": "打字也行",
        "sys_full_json_obj": json.dumps(WHOLE),
    }
    await bot.update_card("ai-1", flowStatus="3", **words)
    await expect(card.locator("strong")).to_have_text("成功 3")
    for shown in ("第一条", "打字也行", "由机器人生成"):
        await expect(card).to_contain_text(shown)
    await expect(card.locator("[data-action=rerun]")).to_be_enabled()
    await expect(card).not_to_contain_text("处理中")


async def test_the_order_of_an_ai_card_leaves_blocks_out(chat: Page, bot: TinyBot) -> None:
    whole = json.dumps({"order": ["msgContent"], "msgButtons": [RERUN]})
    words = {"flowStatus": "3", "msgTitle": "题目", "msgContent": "正文", "sys_full_json_obj": whole}
    await bot.deliver("ai-1", words, AI)
    await expect(last(chat, "card")).to_contain_text("正文")
    await expect(last(chat, "card")).not_to_contain_text("题目")
    await expect(last(chat, "card").get_by_role("button", name="重跑")).to_have_count(0)


async def test_a_scene_may_bring_its_own_chips(page: Page, bot: TinyBot) -> None:
    async def with_chips(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(json=await answer.json() | {"chips": ["天气", ["新闻", "news"]]})

    await page.route("**/_sandbox/scene", with_chips)
    await page.goto(bot.url)
    await page.get_by_test_id("conversation").first.click()
    await expect(page.get_by_test_id("chip")).to_have_text(["天气", "新闻"])
    await page.get_by_test_id("chip").first.click()
    await expect(last(page, "text")).to_contain_text("@DingRun 天气")


async def test_a_heading_of_many_marks_freezes_no_page(chat: Page, bot: TinyBot) -> None:
    hostile = "# a" + " " * 4_500 + "#" * 4_500 + " " * 4_500 + "x"
    async with asyncio.timeout(15):
        await bot.send("sampleMarkdown", title="标题", text=f"{hostile}\n\n## 小结 ##  ")
        await expect(last(chat, "markdown").locator(".md-h2")).to_have_text("小结")


async def test_dings_and_status_bars_are_marked(chat: Page, bot: TinyBot) -> None:
    ding = {
        "robotCode": APP["clientId"],
        "remindType": 1,
        "receiverUserIdList": ["manager01"],
        "content": "x",
    }
    await bot.call("POST", "/v1.0/robot/ding/send", ding)
    await chat.locator('[data-testid=conversation][data-id="cidSandboxOto-manager01=="]').click()
    await expect(last(chat, "text").get_by_test_id("ding")).to_have_text("DING")
    head, status = {"bgcolor": "FFBBBBBB", "text": "h"}, {"status_value": "进行中"}
    oa = {"message_url": "https://a.cn", "head": head, "body": {"title": "t"}, "status_bar": status}
    notice = {"agent_id": 3001, "userid_list": "manager01", "msg": {"msgtype": "oa", "oa": oa}}
    url = f"/topapi/message/corpconversation/asyncsend_v2?access_token={bot.token}"
    await bot.call("POST", url, notice)
    await chat.locator('[data-testid=conversation][data-id="work-manager01"]').click()
    await expect(last(chat, "work_notice").get_by_test_id("status-bar")).to_have_text("进行中")
