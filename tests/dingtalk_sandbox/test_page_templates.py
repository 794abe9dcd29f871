"""Cards of exported templates on the page: every component, both widths and themes, and what presses do."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser import IN_BROWSER, browser, page
from tests.dingtalk_sandbox.page_driver import bot, chat, inspector, last
from tests.dingtalk_sandbox.template_builder import Node, bound, component, export, param, text, variable
from tests.dingtalk_sandbox.tiny_bot import CARDS, GROUP, TinyBot

__all__ = ["bot", "browser", "chat", "page"]  # fixtures

pytestmark = IN_BROWSER

AUDIT = Path(__file__).with_name("accessibility_audit.js").read_text(encoding="utf-8")
ID = "mine.schema"
EVIL = '<img src=x onerror="window.hacked=1">'
OPTIONS = [{"value": "a", "text": "甲"}, {"value": "b", "text": "乙"}]
FORM = {"fields": [
    {"name": "why", "label": "原因", "type": "TEXT_AREA", "required": True, "requiredMsg": "请写原因"},
    {"name": "days", "label": "天数", "type": "NUMBER", "defaultValue": 2},
    {"name": "pick", "label": "引擎", "type": "SELECT", "options": OPTIONS},
    {"name": "many", "label": "目标", "type": "MULTI_SELECT", "options": OPTIONS},
    {"name": "day", "label": "日期", "type": "DATE"},
    {"name": "sure", "label": "确认", "type": "CHECKBOX"},
    {"name": "hidden", "type": "TEXT", "hidden": True, "defaultValue": "h"},
]}  # fmt: skip
AGAIN = {"id": "again", "text": "重跑此项", "request": True, "color": "blue"}
TABLE: dict[str, Any] = {
    "meta": [{"alias": "name", "aliasName": "任务", "dataType": "STRING", "weight": 70},
             {"alias": "go", "aliasName": "", "dataType": "BUTTON", "weight": 30}],
    "data": [{"name": f"任务 {n} {EVIL}", "go": AGAIN} for n in range(3)],
}  # fmt: skip
POINTS = [
    {"x": day, "y": y, "type": kind} for kind in ("新增", "消失") for day, y in (("周一", 1), ("周二", 4))
]


def chart(kind: str) -> dict[str, Any]:
    axis = {"ticks": [0, 3, 6]} if kind == "lineChart" else None
    return {"type": kind, "data": POINTS, "config": {"yAxisConfig": axis}}


def request(name: str) -> Any:
    return {"actionType": "request", "actionId": text(name)}


def everything() -> Node:
    """Build a template that has every component once."""
    keep: Any = {"actionType": "setLocalState", "localVarAction": bound("typed")}
    return export(
        component("CardHeaderV2", title=text("${title}")),
        component("Grid", component("BaseText", text=text("${title}")),
                  component("Tag", text=text("失败"), color="red"), direction="horizontal"),
        component("Markdown", content=bound("title", "dynamicMarkdown")),
        component("Divider"), component("ProgressBar", progress=bound("percent", "dynamicNumber")),
        component("Table", data=bound("table"), enablePagination=True, pageNum=2),
        component("Chart", data=bound("lineChart"), isFixedHeight=True, height=140),
        *(component("Chart", data=bound(kind)) for kind in ("histogram", "pieChart")),
        component("CollapsePanel", component("BaseText", text=text("里面")), title=text("更多"),
                  contentVisible=False),
        component("Loop", component("BaseText", text=text("${loop.name}")), listData=bound("rows")),
        component("Image", images="@media"), component("Icon", icon={"value": {"icon": "icon_like"}}),
        component("Hologram"),
        component("Grid", component("BaseText", text=text("整块可按")), **request("area")),
        component("Input", id="word", placeholder=text("说点什么"), **keep),
        component("BaseText", text=text("写了：${typed}")),
        component("Form", id="rerun", submitText=text("提交"), formSchema=bound("form")),
        component("SingleButton", text=text("重跑"), **request("rerun_all"), params=[param("run", "7")]),
        component("SingleButton", text=text("停止"), id_="stop", actionType="confirm",
                  confirmTitle=text("真的停止？"), confirmOkText=text("停止"), confirmCancelText=text("取消"),
                  confirmOkAction="request", confirmOkReqActionActionId=text("stop"),
                  confirmCancelAction="none"),
        variables=(
            variable("title"), variable("percent", "number"), variable("table", "table"),
            variable("form", "form"), variable("rows", "loopArray"), variable("mine", private=True),
            *(variable(kind, "chart") for kind in ("lineChart", "histogram", "pieChart")),
        ),
        local=(variable("typed"),),
    )  # fmt: skip


async def show(bot: TinyBot, **more: str) -> None:
    """Load the template and send a card that has everything."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{bot.url}/_sandbox/templates", json={ID: everything()}) as answer,
    ):
        assert answer.status == 200
    shapes: dict[str, Any] = {"table": TABLE, "form": FORM, "rows": [{"name": "第一项"}]}
    shapes |= {kind: chart(kind) for kind in ("lineChart", "histogram", "pieChart")}
    values = {name: json.dumps(shape, ensure_ascii=False) for name, shape in shapes.items()}
    await bot.deliver("run-1", {"title": f"每日巡检 {EVIL}", "percent": "40", **values, **more}, template=ID)


def sent(bot: TinyBot) -> Any:
    return json.loads(bot.told(CARDS)[-1]["content"])["cardPrivateData"]


async def fill_form(card: Locator) -> None:
    await card.get_by_label("原因").fill("昨天失败了")
    await card.get_by_label("引擎").select_option("b")
    await card.get_by_role("checkbox", name="甲").check()
    await card.get_by_label("日期").fill("2026-11-30")


async def answered(card: Locator) -> None:
    await expect(card.get_by_test_id("private")).to_contain_text("机器人已响应")


async def ticks(card: Locator, kind: str) -> list[str]:
    words = await card.locator(f"[data-kind={kind}] .tick").all_text_contents()
    return [word for word in words if word.isdecimal()]


async def chart_size(card: Locator, kind: str) -> tuple[int, float]:
    """Return the height of a chart, and its ratio of width to height. It is drawn without scaling."""
    drawn = card.locator(f"[data-kind={kind}] svg")
    box = await drawn.bounding_box()
    assert box is not None
    view = str(await drawn.get_attribute("viewBox")).split()
    assert [round(float(length)) for length in view[2:]] == [round(box["width"]), round(box["height"])]
    return round(box["height"]), round(box["width"] / box["height"], 1)


async def test_every_component_is_drawn(chat: Page, bot: TinyBot) -> None:
    async with bot.listening():
        await show(bot)
        card = last(chat, "card")
        await expect(card.locator("h3")).to_have_text(f"每日巡检 {EVIL}")
        await expect(card.get_by_test_id("chart")).to_have_count(3)
        assert await ticks(card, "bar") == ["0", "1", "2", "3", "4"]
        assert await ticks(card, "line") == ["0", "3", "6"]
        await expect(card.get_by_test_id("unknown")).to_contain_text("Hologram")
        await card.get_by_role("button", name="下一页").click()
        await card.get_by_test_id("cell-button").click()
        await answered(card)
        cell = {"row": TABLE["data"][2], "column": TABLE["meta"][1]}
        assert sent(bot) == {"actionIds": ["again"], "params": cell}
        await card.get_by_role("button", name="整块可按").focus()
        await chat.keyboard.press("Enter")
        await answered(card)
        assert sent(bot)["actionIds"] == ["area"]
    assert await chat.evaluate("window.hacked") is None
    assert await chat.locator("#log img").count() == 0


async def test_fields_forms_and_confirmations_work(chat: Page, bot: TinyBot) -> None:
    async with bot.listening():
        await show(bot)
        card = last(chat, "card")
        await card.get_by_placeholder("说点什么").fill("你好")
        await card.get_by_placeholder("说点什么").press("Enter")
        await expect(card.get_by_text("写了：你好")).to_be_visible()
        await card.get_by_text("提交").click()
        await expect(card.get_by_test_id("private")).to_contain_text("请写原因")
        await fill_form(card)
        await card.get_by_text("提交").click()
        await answered(card)
        assert sent(bot)["params"] == {"rerun": {
            "why": "昨天失败了", "days": 2, "pick": {"index": 1, "value": "b"},
            "many": {"index": [0], "value": ["a"]}, "day": "2026-11-30", "hidden": "h",
        }}  # fmt: skip
        await card.get_by_role("button", name="停止").click()
        await card.get_by_test_id("private").get_by_role("button", name="停止").click()
        await answered(card)
        assert sent(bot)["actionIds"] == ["stop"]


async def test_private_data_is_drawn_for_the_tapper_and_the_inspector_warns(chat: Page, bot: TinyBot) -> None:
    bot.answer = {
        "cardUpdateOptions": {"updateCardDataByKey": True},
        "cardData": {"cardParamMap": {"title": "已受理"}},
    }
    async with bot.listening():
        await show(bot, heading="x")
        await last(chat, "card").get_by_role("button", name="重跑", exact=True).click()
        await expect(last(chat, "card").locator("h3")).to_have_text("已受理")
        assert sent(bot) == {"actionIds": ["rerun_all"], "params": {"run": "7"}}
    await expect((await inspector(chat, "card")).get_by_test_id("warnings")).to_contain_text("heading")
    await chat.get_by_test_id("speak-as").select_option("user01")
    await expect(last(chat, "card").locator("h3")).to_contain_text("每日巡检")


@pytest.mark.parametrize(("width", "scheme", "locale"), [(1280, "light", "zh-CN"), (390, "dark", "en-US")])
async def test_a_template_is_readable_in_both_widths_themes_and_languages(
    browser: Browser, bot: TinyBot, width: int, scheme: Any, locale: str
) -> None:
    context = await browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, locale=locale
    )
    page = await context.new_page()
    await show(bot, autoLayout="true")
    await page.goto(bot.url)
    await page.locator(f'[data-testid=conversation][data-id="{GROUP}"]').click()
    await expect(last(page, "card").get_by_test_id("chart")).to_have_count(3)
    assert await page.evaluate(AUDIT) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert (await chart_size(last(page, "card"), "line"))[0] == 140
    assert (await chart_size(last(page, "card"), "bar"))[1] == 2
    box = await last(page, "card").locator(".bubble").bounding_box()
    assert box is not None
    assert box["width"] > (600 if width > 1000 else 250)
    words = "Component not emulated" if locale == "en-US" else "沙箱不支持的组件"
    await expect(page.get_by_test_id("unknown")).to_contain_text(words)
    await context.close()
