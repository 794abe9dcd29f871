"""A finished run, a command, a button, a message that comes again, a cut connection, a killed process."""

import asyncio
import io
import signal
from pathlib import Path

from python_calamine import CalamineWorkbook

from tests.scenarios.conftest import Chat, Service, until

COMMANDS = (
    "状态", "status", "计划", "schedules", "帮助", "help", "报告列表", "历史", "history",
    "reports", "重新生成", "撤销链接", "重泡",
)  # fmt: skip


async def test_a_finished_run_shows_one_card_then_the_report(service: Service, chat: Chat) -> None:
    await chat.say("@DingRun 重跑")
    (file,) = await chat.wait("file", 1)
    (card,) = await chat.messages("card")
    kinds = [message["kind"] for message in await chat.messages()]
    assert kinds == ["text", "markdown", "card", "file"]
    assert "⚠" in card["variables"]["title"]
    assert "3" in card["variables"]["markdown"]
    assert [button["id"] for button in card["buttons"]] == ["rerun_failed", "report", "rerun", "acknowledge"]
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(await chat.download(file)))
    assert workbook.sheet_names == ["概览", "变化", "站点", "IP", "系统服务", "域名", "资产统计", "证书"]
    titles = [row[1] for row in workbook.get_sheet_by_name("站点").to_python()[1:]]
    assert "云杉科技 官网 · Portal" in titles


async def test_card_and_report_count_alike(service: Service, chat: Chat) -> None:
    await chat.say("@DingRun 重跑")
    (file,) = await chat.wait("file", 1)
    (card,) = await chat.messages("card")
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(await chat.download(file)))
    (line,) = [line for line in card["variables"]["markdown"].splitlines() if line.startswith("发现")]
    counted = dict(each.rsplit(" ", 1) for each in line.removeprefix("发现：").split(" · "))
    assert set(counted) >= {"站点", "IP", "系统服务"}
    assert counted == {name: str(len(sheet_of(workbook, name)) - 1) for name in counted}


async def test_the_report_of_a_retry_claims_nothing_of_what_it_did_not_see(
    service: Service, chat: Chat
) -> None:
    await chat.say("@DingRun 重跑")
    await chat.wait("file", 1)
    await chat.say("@DingRun 重跑失败")
    file = (await chat.wait("file", 2))[-1]
    card = (await chat.messages("card"))[-1]
    assert "本次只重跑了上次没成功的" in card["variables"]["markdown"]
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(await chat.download(file)))
    assert not [row for row in sheet_of(workbook, "变化") if "消失" in row]


def sheet_of(workbook: CalamineWorkbook, name: str) -> list[list[object]]:
    return [[*row] for row in workbook.get_sheet_by_name(name).to_python()]


async def test_a_run_with_a_file_costs_three_calls_and_a_reply_none(service: Service, chat: Chat) -> None:
    await chat.say("@DingRun 重跑")
    await chat.wait("file", 1)
    counters = await chat.get("counters")
    assert counters["buckets"]["api"] == 3


async def test_every_command_is_answered(service: Service, chat: Chat) -> None:
    await chat.say("@DingRun rerun 每日巡检")
    await chat.wait("file", 1)
    for words in COMMANDS:
        assert await chat.say(f"@DingRun {words}")
    await chat.say("@DingRun 最近报告")
    await chat.wait("file", 2)
    assert await chat.calls("media/upload") == 1


async def test_the_buttons_do_what_they_say_and_a_second_press_does_nothing(
    service: Service, chat: Chat
) -> None:
    await chat.say("@DingRun 重跑")
    await chat.wait("file", 1)
    (card,) = await chat.messages("card")
    await chat.say("@DingRun 帮助", user="user02")
    refused = await chat.tap(card, "rerun", user="outsider01")
    first = await chat.tap(card, "rerun")
    second = await chat.tap(card, "rerun", user="user02")
    assert first["ok"]
    assert second["ok"]
    assert len({str(each["private"]) for each in (refused, first, second)}) == 3
    await chat.wait("file", 2)
    assert len(await chat.messages("card")) == 2
    await chat.tap(card, "report")
    await chat.wait("file", 3)
    assert len(await chat.messages("card")) == 2


async def test_the_same_message_twice_runs_once(service: Service, chat: Chat) -> None:
    await chat.say("@DingRun 重跑")
    (said, *_) = await chat.messages("text")
    await chat.post("redeliver", {"id": said["id"]})
    await chat.wait("file", 1)
    assert len(await chat.messages("card")) == 1


async def test_a_cut_stream_is_connected_again(service: Service, chat: Chat) -> None:
    await chat.post("stream", {"action": "drop"})
    await until(lambda: chat.opened(2))
    assert await chat.say("@DingRun 帮助")


async def test_a_disconnect_leaves_no_gap(service: Service, chat: Chat) -> None:
    await chat.post("stream", {"action": "disconnect"})
    await until(lambda: chat.opened(2))
    assert await chat.say("@DingRun 帮助")
    assert "was cut" not in service.log.read_text(encoding="utf-8")


async def test_killed_between_sent_and_recorded_there_is_one_card(service: Service, chat: Chat) -> None:
    await chat.post("faults", [{"match": "createAndDeliver", "kind": "lose_answer", "times": 1}])
    await chat.say("@DingRun 重跑")
    await chat.wait("card", 1)
    await service.kill()
    await service.start()
    await chat.wait("file", 1)
    assert await chat.calls("createAndDeliver") == 2
    assert len(await chat.messages("card")) == 1


async def test_killed_in_the_middle_of_a_run_it_goes_on(service: Service, chat: Chat) -> None:
    await chat.post(
        "say", {"conversation": "cidSandboxGroupOps==", "user": "user01", "text": "@DingRun 重跑"}
    )
    await chat.wait("markdown", 1)
    await service.kill()
    await service.start()
    await chat.wait("file", 1)
    assert len(await chat.messages("card")) == 1


async def test_sigterm_ends_it_cleanly_within_five_seconds(service: Service, chat: Chat) -> None:
    async with asyncio.timeout(5):
        assert await service.end(signal.SIGTERM) == 0
    assert not await chat.connected()
    assert "Traceback" not in service.log.read_text(encoding="utf-8")


async def test_a_report_is_exported_on_the_command_line(service: Service, chat: Chat, tmp_path: Path) -> None:
    await chat.say("@DingRun 重跑")
    (file,) = await chat.wait("file", 1)
    run_id = file["fileName"].removesuffix(".xlsx").rpartition("_")[2]
    said = await service.command("export", run_id, "-o", str(tmp_path / "mine.xlsx"))
    assert "mine.xlsx" in said
    assert "站点" in CalamineWorkbook.from_path(tmp_path / "mine.xlsx").sheet_names


async def test_no_secret_is_in_the_log(service: Service, chat: Chat) -> None:
    await chat.say("@DingRun 重跑")
    await chat.wait("file", 1)
    await service.end()
    log = service.log.read_text(encoding="utf-8")
    assert "sandbox-app-secret" not in log
    assert "ticket=" not in log
    assert "sendBySession?session=" not in log
