"""Test the variables of our own card template."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.models import Failure, Run, RunStatus, TaskCounts, TaskStatus
from cards.card_template import BUTTONS, CardTemplate
from cards.environment import LANGUAGES
from cards.render import Cards
from cards.rich_card import MAX_JSON_BYTES, MAX_OPTIONS, MAX_ROWS, MAX_TEXT_BYTES
from cards.summary import CardState
from handlers import router
from tests.cards.markdown_reader import CARD_MENTION, constructs, outside_code
from tests.cards.samples import SAMPLES, STAMP, ended, failed, report
from tests.cards.test_render import check
from tests.factories import NOW, make_schedule

OWN = CardTemplate.chosen("0c5f0d9e-0000-4000-8000-000000000000.schema")
CARDS = {lang: Cards(lang=lang, template=OWN, buttons=router.button_designs) for lang in LANGUAGES}
TARGETS = ("192.0.2.0/28", "example.org", "https://shop.example.com:8443/login_page")
EARLIER = tuple(
    ended(id=f"r{day}", start_time=NOW - timedelta(days=day), end_time=NOW, ordinal=9 - day) for day in (2, 1)
)


def shown(run: Run, lang: str = "zh-CN", **state: Any) -> dict[str, Any]:
    """Return the variables of a card, with what is JSON as objects."""
    params = dict(CARDS[lang].summary(run, report(), state=CardState(**state)).params)
    assert all(isinstance(value, str) for value in params.values())
    read = ("config", "failures", "history", "form", "buttons", "running", "has_failures", "has_form")
    return params | {name: json.loads(params[name]) for name in (*read, "has_history", "progress")}


def with_targets(**changes: Any) -> Run:
    tasks = ("t1", "t2", "t3")
    return failed(schedule=make_schedule(targets=TARGETS), task_ids=tasks, **changes)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_failed_run_looks_as_agreed(lang: str) -> None:
    run = with_targets()
    values = shown(run, lang, history=(*EARLIER, run), stamp=None)
    check(f"failed.rich.{lang}.json", json.dumps(values, ensure_ascii=False, indent=1) + "\n")


def test_the_buttons_are_those_of_the_plain_card() -> None:
    for sample in SAMPLES.values():
        card = CARDS["en"].summary(sample.run, sample.report, **sample.options)
        assert card.fallback
        assert card.fallback.template_id == BUTTONS.id
        plain = json.loads(card.fallback.params["sys_full_json_obj"])["msgButtons"]
        own = json.loads(card.params["buttons"])
        assert [each["id"] for each in own] == [each["id"] for each in plain]


def test_the_verdict_and_the_difference_come_first_and_ids_are_apart() -> None:
    sample = SAMPLES["streak"]
    values = CARDS["zh-CN"].summary(sample.run, sample.report).params
    assert values["verdict"].startswith("**失败 4 · 成功 6，共 10 个任务**")
    assert "较上次" in values["verdict"]
    assert "rabcdefghij" in values["ids"]
    assert "rabcdefghij" not in values["verdict"] + values["acts"] + values["report"]


def test_a_running_run_shows_its_progress() -> None:
    run = ended(status=RunStatus.RUNNING, end_time=None, task_counts=TaskCounts(total=4, done=1))
    values = shown(run)
    assert (values["running"], values["progress"], values["has_failures"]) == (True, 25, False)


def test_each_failed_task_has_a_row_with_its_reason() -> None:
    rows = shown(with_targets())["failures"]["data"]
    told = [(row["target"]["value"], row["reason"]["value"]) for row in rows]
    assert told[0] == ("192.0.2.0/28", "已停止")
    assert told[2] == ("example.org", "引擎里查不到这个任务了")


def test_what_does_not_fit_is_counted() -> None:
    many = tuple(
        Failure(task_id=f"t{n}", target=f"host{n}.example", status=TaskStatus.ERROR, reason="磁盘满了" * 30)
        for n in range(40)
    )
    values = shown(failed(failures=many, task_counts=TaskCounts(total=50, error=45, done=5)))
    rows = values["failures"]["data"]
    assert 0 < len(rows) <= MAX_ROWS
    assert values["failures_more"] == f"还有 {45 - len(rows)} 个没成功，没有列出"


def test_the_chart_has_the_last_runs_from_left_to_right() -> None:
    run = failed(ordinal=9)
    chart = shown(run, history=(run, *EARLIER))["history"]
    assert [(bar["x"], bar["y"], bar["type"]) for bar in chart["data"]] == [
        ("11-22", 3, "成功"),
        ("11-22", 0, "没成功"),
        ("11-23", 3, "成功"),
        ("11-23", 0, "没成功"),
        ("11-24", 9, "成功"),
        ("11-24", 3, "没成功"),
    ]
    assert chart["config"]["yAxisConfig"]["ticks"] == [0, 4, 8, 12]


def test_runs_of_one_day_are_told_apart_by_their_numbers() -> None:
    earlier = ended(id="r0", start_time=NOW - timedelta(minutes=5), ordinal=8)
    chart = shown(ended(ordinal=9), history=(ended(ordinal=9), earlier))["history"]
    assert [bar["x"] for bar in chart["data"]] == ["#8", "#8", "#9", "#9"]


def test_a_retry_is_no_bar_and_one_run_is_no_chart() -> None:
    retry = ended(id="r0", idempotency_key="retry:r1:m")
    assert not shown(ended(), history=(ended(), retry))["has_history"]


def test_the_form_lists_the_targets_and_chooses_those_that_failed() -> None:
    (field,) = shown(with_targets())["form"]["fields"]
    assert (field["type"], [option["value"] for option in field["options"]]) == ("MULTI_SELECT", [*TARGETS])
    assert field["defaultValue"] == {"index": [0, 1, 2], "value": [*TARGETS]}


@pytest.mark.parametrize(
    "targets", [[f"{n}.example" for n in range(MAX_OPTIONS + 1)], [f"{n}." * 80 for n in range(MAX_OPTIONS)]]
)
def test_targets_that_are_too_many_or_too_long_for_a_list_are_written(targets: list[str]) -> None:
    run = failed(schedule=make_schedule(targets=tuple(targets)))
    (field,) = shown(run)["form"]["fields"]
    assert (field["type"], field["placeholder"]) == ("TEXT_AREA", "每行一个，只能是这个计划里的目标")
    assert "options" not in field


def test_a_schedule_of_one_target_has_no_form() -> None:
    assert not shown(failed(schedule=make_schedule(targets=("a.example",))))["has_form"]


def test_who_did_what_is_a_list() -> None:
    acts = shown(failed(), stamp=STAMP)["acts"].split("\n")
    assert len(acts) == 2
    assert acts[0].startswith("- 定时触发")
    assert acts[1].startswith("- 张三")


def test_hostile_texts_stay_texts() -> None:
    sample = SAMPLES["hostile"]
    values = CARDS["zh-CN"].summary(sample.run, sample.report, **sample.options).params
    for name in ("title", "verdict", "report", "acts", "tips"):
        for line in outside_code(values[name]).splitlines():
            assert constructs(line.replace("**", "")) <= {"list", "mention"}  # our own "@我"
        assert not CARD_MENTION.search(values[name])
    (row,) = json.loads(values["failures"])["data"]
    for cell in ("target", "reason"):
        assert not {"link", "mention", "html"} & constructs(row[cell]["value"])


@settings(derandomize=True, deadline=None, max_examples=25)
@given(text=st.text(max_size=300) | st.sampled_from(["巡检" * 900, "👩‍💻" * 300, "\u202e" * 900]))
def test_no_text_makes_a_variable_too_long(text: str) -> None:
    failures = tuple(
        Failure(task_id=f"t{n}", target=text, status=TaskStatus.ERROR, reason=text) for n in range(20)
    )
    run = failed(schedule=make_schedule(name=text, targets=(text, "a", "b")), failures=failures)
    params = CARDS["en"].summary(run, replace(report(), name=text)).params
    assert all(len(value.encode()) <= MAX_JSON_BYTES for value in params.values())
    assert len(params["verdict"].encode()) <= MAX_TEXT_BYTES
    assert len("".join(params.values()).encode()) < 20_000
    assert json.loads(params["failures"])["data"]
