"""Test that messages are understood as commands, and replies as answers to what was asked."""

from dataclasses import replace

import pytest

from bot.chat.context import Context
from bot.chat.messages import MessageProcessor
from bot.chat.permissions import AccessPolicy, Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Router
from bot.errors import ConfirmationNeeded
from bot.models import MarkdownMessage, MessageKind, TaskStatus
from tests.conftest import CoreHarness
from tests.factories import make_message, make_schedule


async def runs(core: CoreHarness) -> list[str]:
    return [run.schedule_name for run in await core.store.find_runs()]


@pytest.fixture
def two(core: CoreHarness) -> CoreHarness:
    """Return the core with a second schedule."""
    core.engine.known.append(make_schedule(id="s2", name="Weekly"))
    return core


@pytest.mark.parametrize("number", ["2", "２", "第2个", "2。"])
async def test_a_number_chooses_the_schedule_that_was_asked_for(two: CoreHarness, number: str) -> None:
    await two.say("重跑")
    await two.say(number)
    assert await runs(two) == ["Weekly"]


async def test_a_wish_for_all_offers_one_at_a_time(two: CoreHarness) -> None:
    assert "一次只能对一个计划操作" in await two.say("全部重跑")
    assert await runs(two) == []
    await two.say("2")
    assert await runs(two) == ["Weekly"]


@pytest.mark.parametrize(
    "text", ["能帮我重跑一下每日巡检吗", "重跑每日巡检 @张三", "could you rerun 每日巡检?"]
)
async def test_a_polite_question_and_a_mention_beside_it_are_a_request(two: CoreHarness, text: str) -> None:
    await two.say(text)
    assert await runs(two) == ["每日巡检"]


@pytest.mark.parametrize(
    "text", ["可以重跑每日巡检吗", "@张三 你重跑每日巡检", "让 @张三 重跑每日巡检", "重袍每日巡检"]
)
async def test_a_question_a_task_of_somebody_else_and_a_typo_are_asked_back(
    two: CoreHarness, text: str
) -> None:
    assert "回复 1" in await two.say(text)
    assert await runs(two) == []


async def test_a_number_that_is_not_in_the_list_does_nothing(two: CoreHarness) -> None:
    await two.say("重跑")
    assert "没有第 3 个" in await two.say("3")
    assert await runs(two) == []


async def test_a_choice_expires(two: CoreHarness) -> None:
    await two.say("重跑")
    two.clock.turn(seconds=660)
    await two.say("2")
    assert await runs(two) == []


async def test_a_number_shows_an_item_of_a_list(two: CoreHarness) -> None:
    await two.finished_run()
    await two.say("计划")
    assert "每日巡检" in await two.say("1")
    assert len(await runs(two)) == 1


async def test_nobody_who_may_only_look_chooses(two: CoreHarness) -> None:
    await two.say("重跑")
    two.access_policy = AccessPolicy(operators=("manager01",))
    two.build()
    await two.say("2")
    assert await runs(two) == []


async def test_a_day_selects_the_report_of_that_day(core: CoreHarness) -> None:
    run = await core.finished_run()
    core.clock.turn(seconds=86_400)
    await core.finished_run()
    assert run.id in await core.say("昨天的报告")


@pytest.mark.parametrize("said", ["昨天的执行", "yesterday's run", "history of Nov 24", "每日巡检昨天的运行"])
async def test_the_runs_of_a_day_are_shown_and_not_started(core: CoreHarness, said: str) -> None:
    run = await core.finished_run()
    core.clock.turn(seconds=86_400)
    later = await core.finished_run()
    answer = await core.say(said)
    assert run.id in answer
    assert later.id not in answer
    assert len(await runs(core)) == 2


async def test_a_name_that_starts_with_a_negation_is_looked_for_as_a_whole(core: CoreHarness) -> None:
    assert "不存在的" in await core.say("计划 不存在的")


async def test_who_takes_care_of_a_failure_can_be_asked(core: CoreHarness) -> None:
    await core.trigger()
    await core.finish(status=TaskStatus.ERROR)
    await core.say("确认 每日巡检")
    assert "李雷" in await core.say("谁在处理")


@pytest.mark.parametrize(
    "text",
    [
        "别重跑每日巡检",
        "重跑每日巡检了吗",
        "我重跑了每日巡检",
        "重跑 生产库",
        "能重跑吗",
        "@李雷 你重跑每日巡检",
        "重跑昨天的每日巡检",
        "重跑每日寻检",
        "重泡",
        "重跑 7",
        "谢谢",
    ],
)
async def test_nothing_is_run_that_is_not_wished_for(core: CoreHarness, text: str) -> None:
    await core.say(text)
    assert await runs(core) == []


@pytest.mark.parametrize("text", ["重跑每日寻检", "能重跑吗", "重泡", "@李雷 你重跑每日巡检", "rerum"])
async def test_what_is_not_clear_is_asked_back(two: CoreHarness, text: str) -> None:
    await two.finished_run()
    assert "每日巡检" in await two.say(text)
    await two.say("1")
    assert await runs(two) == ["每日巡检", "每日巡检"]


async def test_who_may_only_look_is_refused_and_not_asked(core: CoreHarness) -> None:
    core.access_policy = AccessPolicy(operators=("manager01",))
    core.build()
    assert "不能操作" in await core.say("重跑每日寻检")


async def test_an_unknown_name_is_never_the_default(core: CoreHarness) -> None:
    answer = await core.say("重跑 生产库")
    assert "生产库" in answer
    assert "吗？" not in answer


async def test_a_name_that_is_nearly_right_is_answered_for_a_question(core: CoreHarness) -> None:
    await core.finished_run()
    assert "每日巡检" in await core.say("每日寻检跑完了吗")


async def test_a_number_behind_an_act_means_the_last_list_even_if_a_schedule_has_it_as_name(
    core: CoreHarness,
) -> None:
    core.engine.known += [make_schedule(id="s2", name="2"), make_schedule(id="s3", name="Third")]
    await core.say("计划")
    assert "「2」" in await core.say("重跑 2")
    assert await runs(core) == []
    await core.say("计划")
    await core.say("重跑 3")
    assert await runs(core) == ["Third"]


async def test_a_run_is_stopped_by_the_name_of_a_schedule_that_is_gone(core: CoreHarness) -> None:
    await core.trigger()
    core.engine.known.clear()
    await core.say("把每日巡检停掉")
    assert "停下了" in await core.say("1")


async def test_several_schedules_of_one_name_are_listed(core: CoreHarness) -> None:
    core.engine.known.append(make_schedule(id="s2"))
    assert "s2" in await core.say("重跑每日巡检")
    await core.say("2")
    assert [run.schedule_id for run in await core.store.find_runs()] == ["s2"]


class Careful:
    """A processor of one command, `delete`, that asks back before it acts. `done` has what it did."""

    def __init__(self, core: CoreHarness) -> None:
        self.done: list[tuple[str, str]] = []
        router = Router()

        @router.command("delete", permission=Permission.OPERATE, zh="x", en="x")
        async def delete(ctx: Context, request: CommandRequest) -> MarkdownMessage:
            if not request.confirmed:
                raise ConfirmationNeeded("cancelled", argument="run 7")
            self.done.append((request.argument, request.message.id))
            return MarkdownMessage(title="", text="done")

        self._processor = MessageProcessor(core.context, router=router, policy=core.access_policy)

    async def say(self, *texts: str, message_id: str = "") -> None:
        for text in texts:
            await self._processor.respond(make_message(text, id=message_id or f"id of {text}"))


@pytest.mark.parametrize("yes", ["1", "１", "确认", "是", "好的", "yes", "OK", "y", "确认。"])
async def test_a_confirmed_command_is_run_as_it_was_asked(core: CoreHarness, yes: str) -> None:
    careful = Careful(core)
    await careful.say("delete", yes)
    assert careful.done == [("run 7", "id of delete")]


@pytest.mark.parametrize("other", ["取消", "no", "2", "帮助", "1 2", "delete 1", "不好的"])
async def test_nothing_else_confirms_and_ends_the_question(core: CoreHarness, other: str) -> None:
    careful = Careful(core)
    await careful.say("delete", other)
    assert careful.done == []


async def test_another_number_is_a_no(core: CoreHarness) -> None:
    assert "回复 1" in await core.say("你能把每日巡检再跑一遍吗")
    assert "已取消" in await core.say("2")
    assert await runs(core) == []


@pytest.mark.parametrize(("said", "answer"), [("谢谢", "不客气"), ("算了", "好的"), ("哈哈", "好的")])
async def test_only_thanks_are_welcome(core: CoreHarness, said: str, answer: str) -> None:
    assert (await core.say(said)).startswith(answer)


async def test_a_confirmation_after_another_message_does_nothing(core: CoreHarness) -> None:
    careful = Careful(core)
    await careful.say("delete", "取消", "1")
    assert careful.done == []


async def test_confirming_again_does_nothing(core: CoreHarness) -> None:
    careful = Careful(core)
    await careful.say("delete", "1", "确认")
    assert len(careful.done) == 1


async def test_a_confirmation_that_is_processed_again_repeats_the_same_request(core: CoreHarness) -> None:
    careful = Careful(core)
    await careful.say("delete")
    for _ in range(2):
        await careful.say("1", message_id="yes")
    assert set(careful.done) == {("run 7", "id of delete")}


async def test_a_question_expires(core: CoreHarness) -> None:
    careful = Careful(core)
    await careful.say("delete")
    core.clock.turn(seconds=601)
    await careful.say("1")
    assert careful.done == []


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (MessageKind.PICTURE, "我看不了图片"),
        (MessageKind.FILE, "我不读文件"),
        (MessageKind.VIDEO, "我看不了视频"),
        (MessageKind.AUDIO, "没听清这段语音"),
        (MessageKind.UNKNOWN, "我看不了这类消息"),
        (MessageKind.TEXT, "我在"),
    ],
)
async def test_a_message_without_words_is_answered_by_its_kind(
    core: CoreHarness, kind: MessageKind, answer: str
) -> None:
    assert (await core.say("", kind=kind)).startswith(answer)


async def test_spoken_words_are_a_command(two: CoreHarness) -> None:
    await two.say("重跑每日巡检。", kind=MessageKind.AUDIO)
    assert await runs(two) == ["每日巡检"]


async def card_of(core: CoreHarness, schedule: str) -> str:
    """Run a schedule to its end, a minute later. Returns the id that DingTalk gave its card."""
    core.clock.turn(seconds=60)
    await core.say(f"重跑 {schedule}")
    await core.finish()
    (run, *_) = await core.store.find_runs(limit=1)
    (job,) = await core.store.find_jobs(run_id=run.id, kind="card")
    return str(job.result["message_id"])


async def test_a_reply_to_a_card_means_its_run(two: CoreHarness) -> None:
    two.engine.known[1] = replace(two.schedule, id="s2", name="Weekly")  # announced here as well
    card = await card_of(two, "每日巡检")
    await card_of(two, "Weekly")
    two.clock.turn(seconds=60)
    await two.say("重跑", quoted=card)
    assert (await runs(two))[0] == "每日巡检"
    assert "每日巡检" in await two.say("失败", quoted=card)


async def test_a_name_counts_more_than_a_quoted_card(two: CoreHarness) -> None:
    card = await card_of(two, "每日巡检")
    two.clock.turn(seconds=60)
    await two.say("重跑 Weekly", quoted=card)
    assert (await runs(two))[0] == "Weekly"


async def test_a_quoted_message_that_is_no_card_means_nothing(two: CoreHarness) -> None:
    await two.say("重跑", quoted="another")
    assert await runs(two) == []
