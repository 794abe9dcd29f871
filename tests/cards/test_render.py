"""Compare cards, messages and answers with golden files. `DINGRUN_GOLDEN=1` writes them: read the diff."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ConfigError
from bot.models import (
    UNSUBMITTED,
    ExportStatus,
    Failure,
    Findings,
    JobState,
    KindSummary,
    PushStatus,
    Report,
    Run,
    RunStatus,
    TaskCounts,
    TaskStatus,
    Trend,
)
from cards.card_template import AI
from cards.environment import LANGUAGES, TEMPLATES, load_phrases, read_yaml
from cards.render import (
    MAX_ANSWER_BYTES,
    MAX_MARKDOWN_BYTES,
    MAX_SEARCH_CHARACTERS,
    MAX_TITLE_BYTES,
    Cards,
)
from cards.rich_card import MAX_TIPS_BYTES
from cards.summary import NO_STATE, CardState
from handlers import router
from tests.cards.markdown_reader import CARD_MENTION, constructs, outside_code
from tests.cards.samples import (
    ANSWERS,
    QUIET,
    RECOVERED,
    SAMPLES,
    STAMP,
    TAPPED,
    THIRD_FAILURE,
    TURNED_RED,
    Sample,
    ended,
    failed,
    findings,
    report,
)
from tests.factories import NOW, make_schedule

GOLDEN = Path(__file__).parent / "golden"
CARDS = {lang: Cards(lang=lang, buttons=router.button_designs).with_clock(lambda: NOW) for lang in LANGUAGES}
WORK_NOTICE = 1_700

TEXTS = st.text(max_size=400) | st.sampled_from([
    "巡检" * 2_000,
    "👩‍💻" * 500,
    "\u202e" * 9_000,
    "é" * 900,
    "**" * 900,
])
fixed = settings(derandomize=True, deadline=None, max_examples=60)


def check(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("DINGRUN_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def summary_page(cards: Cards, sample: Sample) -> str:
    card = cards.summary(sample.run, sample.report, **sample.options)
    state = sample.options.get("state", NO_STATE)
    note = cards.summary_message(sample.run, sample.report, limit=12_000, state=state)
    buttons = [button["text"] for button in json.loads(card.params["sys_full_json_obj"])["msgButtons"]]
    parts = (
        card.params["title"],
        card.params["markdown"],
        card.params["tips"],
        f"{buttons}",
        note.title,
        note.text,
    )
    return "\n\n---\n\n".join(parts) + "\n"


def answer_page(phrase: str) -> Iterator[str]:
    """Yield a phrase with each of its samples, in both languages."""
    yield f"# {phrase}"
    for values in ANSWERS[phrase]:
        for lang in LANGUAGES:
            answer = CARDS[lang].reply(phrase, **values)
            yield f"({lang}: {answer.title})\n\n{answer.text}"


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_summary_looks_as_agreed(name: str, lang: str) -> None:
    check(f"{name}.{lang}.md", summary_page(CARDS[lang], SAMPLES[name]))


def outside_page() -> Iterator[str]:
    """Yield what each sample shows on the lock screen and in the search, in both languages."""
    for name, sample in SAMPLES.items():
        yield f"# {name}"
        for lang in LANGUAGES:
            card = CARDS[lang].summary(sample.run, sample.report, **sample.options)
            yield f"{card.alert}\n\n{card.search.description if card.search else ''}"


def test_lock_screen_and_search_look_as_agreed() -> None:
    check("outside_the_chat.md", "\n\n".join(outside_page()) + "\n")


def test_answers_look_as_agreed() -> None:
    pages = ["\n\n".join(answer_page(phrase)) for phrase in load_phrases()]
    check("answers.md", "\n\n".join(pages) + "\n")


def test_taps_are_answered_as_agreed() -> None:
    feedback = {
        phrase: [
            CARDS[lang].tap_feedback(phrase, **values) for values in ANSWERS[phrase] for lang in LANGUAGES
        ]
        for phrase in TAPPED
    }
    check("taps.json", json.dumps(feedback, ensure_ascii=False, indent=1) + "\n")


def test_variables_are_sent_as_agreed() -> None:
    view = Cards(template=AI, buttons=router.button_designs).summary(failed(), report())
    check("failed.ai.json", json.dumps(dict(view.params), ensure_ascii=False, indent=1) + "\n")


def test_every_phrase_is_in_every_language() -> None:
    phrases = load_phrases()
    assert ANSWERS.keys() == phrases.keys()
    assert all(set(texts) == set(LANGUAGES) for texts in phrases.values())


def test_every_state_that_the_audit_trail_shows_has_a_word() -> None:
    states = {state.value for kind in (JobState, RunStatus, ExportStatus, PushStatus) for state in kind}
    for lang in LANGUAGES:
        assert states <= read_yaml(TEMPLATES / lang / "words.yaml")["states"].keys()


def test_languages_have_the_same_templates_and_words() -> None:
    one, other = (TEMPLATES / lang for lang in LANGUAGES)
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}
    for section, words in read_yaml(one / "words.yaml").items():
        same = read_yaml(other / "words.yaml")[section]
        assert not isinstance(words, dict) or words.keys() == same.keys()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("phrase", TAPPED)
def test_tap_feedback_is_plain_text(phrase: str, lang: str) -> None:
    for values in ANSWERS[phrase]:
        assert constructs(CARDS[lang].tap_feedback(phrase, **values)["tips"], addresses=False) <= {"mark"}


def test_buttons_are_shown_only_when_they_apply() -> None:
    cards = CARDS["en"]
    ids = [cards.summary(ended(), None), cards.summary(ended(), report(), state=CardState(stamp=STAMP))]
    assert ['"rerun"' in view.params["sys_full_json_obj"] for view in ids] == [True, False]
    assert ['"report"' in view.params["sys_full_json_obj"] for view in ids] == [False, True]


def title(run: Run, given: Report | None = None) -> str:
    return CARDS["zh-CN"].summary(run, given).params["title"]


def test_a_check_mark_means_that_nothing_needs_attention() -> None:
    assert title(ended(findings=QUIET), report()).startswith("✅")
    assert title(ended(findings=findings()), report()).startswith("⚠️")
    assert title(ended(findings=findings(new=1)), report()).startswith("🔴")
    assert title(ended(findings=findings(compared=False)), report()).startswith("🔴")
    assert title(ended(task_counts=TaskCounts(total=1, done=1, found={"vuln": 1}))).startswith("🔴")
    assert title(ended(export_status=ExportStatus.ERROR)).startswith("⚠️")


def test_the_title_shows_highlights_and_what_is_new() -> None:
    assert title(ended(findings=findings(new=1)), report()) == ("🔴 每日巡检：新增漏洞 1、其中弱口令 1")
    known = title(failed(findings=findings()), report())
    assert known == "⚠️ 每日巡检：失败 2/12 · 漏洞 3、其中弱口令 1、文件泄露 2（没有新增）"


def test_weak_passwords_alone_are_shown_once() -> None:
    weak = tuple(KindSummary(kind=kind, total=2) for kind in ("vuln", "weak_password"))
    assert title(ended(findings=Findings(rows=2, highlights=weak))) == "🔴 每日巡检：弱口令 2"


@pytest.mark.parametrize(
    ("run", "chinese", "english"),
    [
        (failed(trend=TURNED_RED), "变红，失败 2/12", "now failing, 2 of 12 failed"),
        (failed(trend=THIRD_FAILURE), "失败 2/12（连续第 3 次）", "2 of 12 failed (3 in a row)"),
        (ended(trend=RECOVERED), "恢复正常", "back to normal"),
        (ended(trend=Trend(was_well=True, streak=9)), "全部成功", "succeeded"),
        (ended(trend=RECOVERED, idempotency_key="retry:r1:m"), "恢复正常", "back to normal"),
    ],
)
def test_the_title_says_how_a_run_ended_differently(run: Run, chinese: str, english: str) -> None:
    titles = [CARDS[lang].summary(run, report()).params["title"] for lang in LANGUAGES]
    assert [each[2:].lstrip() for each in titles] == [f"每日巡检：{chinese}", f"每日巡检: {english}"]


def test_the_body_says_why_before_what_changed_and_ids_last() -> None:
    sample = SAMPLES["streak"]
    body = CARDS["zh-CN"].summary(sample.run, sample.report).params["markdown"]
    parts = (
        "连续第 3 次失败",
        "连接被拒绝 ×3：",
        "较上次（11-23 周一 11:00）：",
        "发现：",
        "定时触发",
        "执行编号",
    )
    places = [body.index(part) for part in parts]
    assert places == sorted(places)


def test_failures_with_the_same_reason_are_one_line() -> None:
    sample = SAMPLES["streak"]
    body = CARDS["en"].summary(sample.run, sample.report).params["markdown"]
    assert "- connection refused ×3: `a.example`, `b.example`, `c.example`" in body
    assert "- `d.example`: connection timed out (443)" in body


def test_a_longer_run_says_so() -> None:
    sample = SAMPLES["longer"]
    body = CARDS["zh-CN"].summary(sample.run, sample.report).params["markdown"]
    assert "：−1 漏洞 · +3 站点 · 用时 +38 %" in body


def test_what_is_not_comparable_is_not_compared() -> None:
    body = CARDS["zh-CN"].summary(failed(trend=TURNED_RED), report()).params["markdown"]
    assert "较上次" not in body


def test_a_partial_run_says_that_it_is() -> None:
    body = CARDS["zh-CN"].summary(failed(findings=findings()), report()).params["markdown"]
    assert "本次执行不完整：3 个任务未完成" in body
    retried = CARDS["zh-CN"].summary(ended(idempotency_key="retry:r1:m"), report())
    assert retried.params["title"].endswith("重跑的全部成功")
    assert "只重跑了上次没成功的任务" in retried.params["markdown"]


def test_a_digest_says_what_matters_too() -> None:
    view = CARDS["zh-CN"].digest([ended(findings=QUIET), ended(id="r2", findings=findings(new=1))])
    assert view.params["title"] == "📋 2 次执行结束 · 1 次需要关注"
    assert "**漏洞 3（新增 1）、其中弱口令 1（新增 1）、文件泄露 2**" in view.params["markdown"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_hostile_run_puts_no_markup_of_its_own_on_a_card(lang: str) -> None:
    sample = SAMPLES["hostile"]
    card = CARDS[lang].summary(sample.run, sample.report, **sample.options)
    for line in outside_code(card.params["markdown"]).splitlines():
        assert constructs(line.replace("**", "")) <= {"list"}
    assert not CARD_MENTION.search(card.params["markdown"])
    assert constructs(card.params["title"] + card.params["tips"]) <= {"mention"}  # our own "@我"


@fixed
@given(name=TEXTS, reason=TEXTS, lang=st.sampled_from(LANGUAGES))
def test_a_card_keeps_its_limits_whatever_it_must_show(name: str, reason: str, lang: str) -> None:
    failures = (Failure(task_id="t", target=name, status=TaskStatus.ERROR, reason=reason),) * 5
    run = failed(
        schedule=make_schedule(name=name), failures=failures, task_ids=(name,) * 10, error_msg=reason
    )
    card = CARDS[lang].summary(run, report(name=name), state=CardState(stamp=replace(STAMP, by=reason)))
    sizes = {key: len(value.encode()) for key, value in card.params.items()}
    assert sizes["title"] <= MAX_TITLE_BYTES
    assert len(card.alert.encode()) <= MAX_TITLE_BYTES
    assert card.search is not None
    assert len(card.search.description) <= MAX_SEARCH_CHARACTERS
    assert sizes["tips"] <= MAX_TIPS_BYTES
    assert 0 < sizes["markdown"] <= MAX_MARKDOWN_BYTES


@fixed
@given(name=TEXTS, reason=TEXTS, limit=st.integers(0, 2_000))
def test_a_message_keeps_its_limit_by_whole_lines(name: str, reason: str, limit: int) -> None:
    failures = (Failure(task_id="t", target=name, status=TaskStatus.ERROR, reason=reason),) * 5
    run = failed(schedule=make_schedule(name=name), failures=failures)
    text = CARDS["zh-CN"].summary_message(run, report(), limit=limit).text
    assert len(text.encode()) <= limit
    assert all(line.count("**") in {0, 2} for line in text.splitlines())


def test_ten_thousand_failures_fit_a_work_notification() -> None:
    lost = Failure(task_id="t", target="https://" + "x" * 300, status=TaskStatus.ERROR, reason="超时" * 300)
    run = replace(failed(), failures=(lost,) * 10_000, task_counts=TaskCounts(total=10_000, error=10_000))
    text = CARDS["zh-CN"].summary_message(run, report(), limit=WORK_NOTICE).text
    assert "失败 10,000" in text
    assert "`" not in text
    assert run.id in text  # a text that DingTalk has seen today is dropped
    assert len(text.encode()) <= WORK_NOTICE


def test_a_name_too_long_to_type_is_replaced_by_the_run() -> None:
    run = ended(schedule=make_schedule(name="巡检" * 40))
    assert f"重跑 {run.id}" in CARDS["zh-CN"].summary_message(run, None, limit=12_000).text


LONG_COMMAND = {"words": ("重跑", "rerun"), "usage": "y" * 500, "summary": "z" * 500}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("phrase", "values"),
    [
        (
            "which_schedule",
            {"schedules": [{"name": "巡检" * 5_000, "id": "s" * 5_000, "next": None}] * 10_000},
        ),
        (
            "help",
            {"role": "viewer", "sections": [{"permission": "view", "commands": [LONG_COMMAND] * 1_000}]},
        ),
        ("no_such_schedule", {"name": "n" * 50_000, "nearest": "", "names": ["巡检" * 5_000] * 10_000}),
        ("unknown", {"text": "👩‍💻" * 50_000, "nearest": "**"}),
    ],
)
def test_an_answer_keeps_its_limit(phrase: str, values: dict[str, object], lang: str) -> None:
    note = CARDS[lang].reply(phrase, **values)
    assert 0 < len(note.text.encode()) <= MAX_ANSWER_BYTES
    assert 0 < len(note.title.encode()) <= MAX_TITLE_BYTES


def test_a_value_joined_in_a_template_is_escaped_too() -> None:
    dialect = CARDS["en"]._dialects.card_env
    made = dialect._templates["title.md"].environment.from_string(
        "{{ a ~ '**' ~ b }}{{ (a | exact) + '<br>' }}"
    )
    assert "*" not in made.render(a="<b>", b="x")
    assert "<" not in made.render(a="<b>", b="x")


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(Exception, match="schedule"):
        CARDS["en"].reply("rerun_accepted", run="r1")


def test_an_unknown_phrase_is_an_error() -> None:
    with pytest.raises(KeyError):
        CARDS["en"].reply("nonsense")


@pytest.mark.parametrize(
    ("settings_", "key"), [({"lang": "fr"}, "lang"), ({"zone": "Mars/Base"}, "timezone")]
)
def test_a_wrong_setting_is_refused_by_its_key(settings_: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        Cards(**settings_)  # type: ignore[arg-type]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_placeholder_of_an_unsubmitted_task_is_not_shown(lang: str) -> None:
    run = ended(task_ids=("t1", f"{UNSUBMITTED}s1-1:b.example"))
    shown = "".join(CARDS[lang].summary(run, None).params.values())
    assert "t1" in shown
    assert UNSUBMITTED not in shown


@pytest.mark.parametrize(("lang", "words"), [("zh-CN", "免打扰时段"), ("en", "quiet hours")])
def test_a_digest_after_quiet_hours_says_so(lang: str, words: str) -> None:
    cards, runs = CARDS[lang], [ended(), ended(id="r2")]
    assert words in cards.digest(runs, quiet=True).params["markdown"]
    assert words not in cards.digest(runs).params["markdown"]
    assert words in cards.digest_message(runs, limit=5_000, quiet=True).text


def test_in_a_digest_what_was_stopped_did_not_fail() -> None:
    run = ended(task_counts=TaskCounts(total=3, done=1, error=1, stop=1))
    assert "失败 1/3" in "".join(CARDS["zh-CN"].digest([run]).params.values())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_digest_is_found_by_schedule_or_run(lang: str) -> None:
    names = ["每日巡检", "@所有人", *("内网" * 30 for _ in range(20))]
    runs = [ended(id=f"r{n}", schedule=make_schedule(name=name)) for n, name in enumerate(names)]
    search = CARDS[lang].digest(runs).search
    assert search is not None
    assert search.description.startswith("每日巡检 r0 · ＠所有人 r1 · 内网")
    assert len(search.description) <= MAX_SEARCH_CHARACTERS
