"""Test properties of the parser that hold for every text."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.chat.language.decisions import Answer
from bot.chat.language.lexicon import WORDS, Role
from bot.chat.language.normalize import fold
from bot.chat.language.spans import last_span
from bot.chat.language.tokens import Named
from bot.chat.router import Command
from handlers import router
from tests.chat.language.scores import NAMES, PARSER, SCHEDULES, TODAY, parse

ACTS = ("重跑", "停止", "重发", "rerun ", "stop ", "再跑一次", "把它停掉", "run again ")
VOCABULARY = sorted(PARSER.words)
ACTING = [command for command in router.commands if command.language.acts]

texts = st.text(max_size=60) | st.lists(
    st.sampled_from([*VOCABULARY, *SCHEDULES.values(), "生产库", "2", "昨天"]), max_size=8
).map("".join)


@given(texts)
@settings(max_examples=400, deadline=None)
def test_no_text_makes_it_fail(text: str) -> None:
    found = parse(text)
    assert found.answer in Answer


@given(st.text(alphabet="甲乙丙丁戊己庚辛壬癸", min_size=1, max_size=8), st.sampled_from(ACTS))
def test_an_unknown_name_is_never_acted_on(name: str, act: str) -> None:
    assert parse(act + name).answer is not Answer.ACT
    assert parse(f"{name} {act}").answer is not Answer.ACT


@given(st.sampled_from(WORDS[Role.DONT]), st.sampled_from(ACTS), st.sampled_from(["", *SCHEDULES.values()]))
@settings(max_examples=400, deadline=None)
def test_what_is_forbidden_is_never_done(dont: str, act: str, name: str) -> None:
    for text in (f"{dont} {act}{name}", f"{name} {dont} {act}", f"请{dont} {act}{name}谢谢"):
        found = parse(text)
        assert found.answer is not Answer.ACT or found.command == "stop"


@given(
    st.sampled_from(["停止", "别", "不要", "取消", "关掉", "stop ", "turn off ", "don't "]),
    st.sampled_from(["推送", "通知", "notifications", "notify me"]),
    st.sampled_from(["", *SCHEDULES.values()]),
    st.sampled_from(["", "吧", "今天", "2h", " tonight"]),
)
@settings(max_examples=300, deadline=None)
def test_ending_notifications_stops_no_run_and_mutes_for_no_time_unasked(
    end: str, notice: str, name: str, time: str
) -> None:
    for text in (
        f"{end}{notice} {name} {time}",
        f"{name} {end}{notice} {time}",
        f"{time} {end}{notice} {name}",
    ):
        found = parse(text)
        assert found.command == "mute"
        assert found.answer is not Answer.ACT or not last_span(found.text)


@given(st.sampled_from(["了吗", "了没", "过吗", "过了"]), st.sampled_from(["重跑", "重新执行", "停止"]))
def test_what_is_asked_or_told_is_never_done(ending: str, act: str) -> None:
    for name in SCHEDULES.values():
        assert parse(f"{name}{act}{ending}").answer is not Answer.ACT
        assert parse(f"{act}{name}{ending}").answer is not Answer.ACT


@given(
    st.sampled_from([
        "能",
        "可以",
        "能不能",
        "帮我看看能不能",
        "麻烦问下能",
        "要帮忙",
        "can i ",
        "can you check if ",
    ]),
    st.sampled_from(ACTS),
    st.sampled_from(["", *SCHEDULES.values()]),
)
@settings(max_examples=300, deadline=None)
def test_a_question_about_what_is_possible_is_never_done(can: str, act: str, name: str) -> None:
    assert parse(f"{can}{act}{name}吗?").answer is not Answer.ACT


@given(
    st.sampled_from([
        "@张三 你",
        "@Wang can you ",
        "让 @张三 ",
        "请 @张三 ",
        "please ask @Wang ",
        "@张三 麻烦",
    ]),
    st.sampled_from(ACTS),
    st.sampled_from(["", *SCHEDULES.values()]),
)
@settings(max_examples=300, deadline=None)
def test_what_somebody_else_is_told_is_never_done(told: str, act: str, name: str) -> None:
    assert parse(f"{told}{act}{name}").answer is not Answer.ACT


@given(
    st.sampled_from(["重跑", "停止", "报告", "状态", "为什么失败", "额度"]),
    st.sampled_from(["", "每日巡检", "daily scan", "报告导出"]),
    st.sampled_from(["请", "麻烦", "帮我", "现在", ""]),
    st.sampled_from(["", "吧", "！", "。", " 谢谢", "\u200b", "\n"]),
)
@settings(max_examples=300, deadline=None)
def test_politeness_width_and_case_change_nothing(act: str, name: str, before: str, after: str) -> None:
    plain, polite = parse(act + name), parse(before + act + name.upper() + after)
    assert (polite.answer, polite.command, polite.keys) == (plain.answer, plain.command, plain.keys)
    wide = parse((act + name).translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}))
    assert (wide.answer, wide.command, wide.keys) == (plain.answer, plain.command, plain.keys)


@pytest.mark.parametrize("command", ACTING, ids=lambda command: command.name)
def test_each_word_of_a_command_means_it_before_any_name(command: Command) -> None:
    for word in command.words:
        for key, name in SCHEDULES.items():
            found = parse(f"{word} {name}")
            assert (found.command, found.answer) == (command.name, Answer.ACT)
            assert key in found.keys or found.text == name


@pytest.mark.parametrize("name", ["重跑", "停止", "报告", "帮助", "请", "吗", "不要", "2", "@", "?", "的"])
def test_a_schedule_may_have_any_name(name: str) -> None:
    found = PARSER.parse(f"重跑 {name}", names=[Named(key="s1", name=fold(name))], today=TODAY)
    assert found.answer is not Answer.ACT or found.keys in {("s1",), ()}


@pytest.mark.parametrize("text", ["重跑" * 10_000, "每日巡检" * 5_000, "a" * 20_000, "重跑 " + "x " * 9_999])
def test_long_texts_take_linear_time_and_are_not_acted_on(text: str) -> None:
    started = time.process_time()
    found = PARSER.parse(text, names=NAMES, today=TODAY)
    assert time.process_time() - started < 1
    assert found.answer is not Answer.ACT
