"""From DingTalk's JSON to our nouns, whatever is missing."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messengers.dingtalk.events import parse_message, parse_tap
from bot.models import MessageKind

SAID: dict[str, Any] = {
    "msgId": "msg1", "conversationId": "cid1", "conversationType": "2", "conversationTitle": "测试群",
    "senderStaffId": "user01", "senderNick": "李雷", "isAdmin": True, "robotCode": "ding1", "msgtype": "text",
    "text": {"content": " \u2005重跑 每日\u00a0"}, "sessionWebhook": "https://x/?session=s",
    "sessionWebhookExpiredTime": 1_708_332_604_316,
}  # fmt: skip


def test_a_message_is_read_and_trimmed() -> None:
    message = parse_message(SAID)
    assert message is not None
    assert (message.id, message.text, message.group, message.title) == ("msg1", "重跑 每日", True, "测试群")
    assert (message.sender.id, message.sender.admin) == ("user01", True)
    assert message.session_expires == datetime(2024, 2, 19, 8, 50, 4, 316000, tzinfo=UTC)
    assert "session=s" not in repr(message)


def test_the_organisation_of_the_robot_and_of_a_press_is_read() -> None:
    message = parse_message(SAID | {"chatbotCorpId": "dingcorp"})
    tapped = parse_tap(tap({"params": {"id": "rerun"}}, corpId="dingcorp"))
    assert message is not None
    assert tapped is not None
    assert (message.corp_id, tapped.corp_id) == ("dingcorp", "dingcorp")


def test_a_press_with_a_union_id_is_of_nobody_we_know() -> None:
    tapped = parse_tap(tap({"params": {"id": "rerun"}}, userIdType=2))
    assert tapped is not None
    assert tapped.user.id == ""


def test_somebody_from_outside_has_no_id() -> None:
    message = parse_message({key: value for key, value in SAID.items() if key != "senderStaffId"})
    assert message is not None
    assert message.sender.id == ""


def test_a_lone_surrogate_is_replaced() -> None:
    message = parse_message(SAID | {"text": {"content": "重跑 \ud83d"}, "senderNick": "\ud83d"})
    assert message is not None
    assert (message.text, message.sender.name) == ("重跑 \ufffd", "\ufffd")


def test_rich_text_is_joined() -> None:
    rich = {
        "content": {"richText": [{"text": "重跑 "}, {"type": "picture"}, {"text": "每日"}, 5]},
        "text": None,
    }
    message = parse_message(SAID | rich)
    assert message is not None
    assert message.text == "重跑 每日"


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        (
            MessageKind.AUDIO,
            {"recognition": " 重跑 每日 ", "duration": 4000},
            "重跑 每日",
        ),
        (MessageKind.AUDIO, {"recognition": None}, ""),
        (MessageKind.PICTURE, {"downloadCode": "x"}, ""),
        (MessageKind.FILE, json.dumps({"downloadCode": "x", "fileName": "重跑.xlsx"}), ""),
        (MessageKind.VIDEO, [], ""),
    ],
)
def test_the_text_of_audio_is_what_was_recognized(kind: MessageKind, content: object, text: str) -> None:
    message = parse_message(SAID | {"msgtype": kind.value, "text": None, "content": content})
    assert message is not None
    assert (message.kind, message.text) == (kind, text)


def test_an_unknown_kind_is_one() -> None:
    message = parse_message(SAID | {"msgtype": "sticker", "text": None, "originalProcessQueryKey": 5})
    assert message is not None
    assert (message.kind, message.quoted) == (MessageKind.UNKNOWN, "")


@pytest.mark.parametrize("text", [None, {}, {"content": 5}, "x"])
def test_a_message_without_words_has_none(text: object) -> None:
    """Once the month's quota is used up, messages come without text (0699-robot-message-type)."""
    message = parse_message(SAID | {"text": text, "content": {"richText": "x"}})
    assert message is not None
    assert message.text == ""


@pytest.mark.parametrize("missing", ["msgId", "conversationId"])
def test_a_message_without_an_id_is_none(missing: str) -> None:
    assert parse_message({key: value for key, value in SAID.items() if key != missing}) is None


def tap(inner: object, **more: object) -> dict[str, object]:
    return {"outTrackId": "card1", "userId": "user01", "spaceId": "cid1", "content": json.dumps(inner)} | more


@pytest.mark.parametrize(
    "inner",
    [
        {"cardPrivateData": {"actionIds": ["rerun"]}},
        {"cardPrivateData": {"actionIds": [], "params": {"id": "rerun"}}},
        {"cardPrivateData": {"params": {"action": "rerun"}}},
        {"cardPrivateData": {}, "params": {"id": "rerun"}},
        {"params": {"id": "rerun"}},
    ],
)
def test_the_button_is_found_wherever_it_is_told(inner: object) -> None:
    for data in (tap(inner), tap(None, content="", value=json.dumps(inner)), tap(inner, content=inner)):
        found = parse_tap(data)
        assert found is not None
        assert (found.card_id, found.action, found.user.id) == ("card1", "rerun", "user01")


ROW = {"target": {"value": "b.example"}, "action": {"id": "rerun_task:2", "text": "重跑此项"}}
COLUMN = {"alias": "action", "dataType": "BUTTON"}


@pytest.mark.parametrize(
    ("private", "action", "chosen"),
    [
        ({"actionIds": ["table"], "params": {"row": ROW, "column": COLUMN}}, "rerun_task", ("2",)),
        ({"actionIds": ["rerun_task:2"]}, "rerun_task", ("2",)),
        ({"actionIds": ["table"], "params": {"row": ROW, "column": {"alias": "other"}}}, "table", ()),
        ({"actionIds": ["table"], "params": {"row": {"a": 1}, "column": {"alias": []}}}, "table", ()),
        (
            {"actionIds": ["f"], "params": {"form": {"t": {"index": [0], "value": ["a", "b"]}}}},
            "f",
            ("a", "b"),
        ),
        ({"actionIds": ["f"], "params": {"f": {"t": {"index": 0, "value": "a"}}}}, "f", ("a",)),
        ({"actionIds": ["f"], "params": {"form": {"t": ["a"], "n": 5, "x": None}}}, "f", ("a",)),
        ({"actionIds": ["f"], "params": {"form": {"t": "a\n b \n\nc"}}}, "f", ("a", "b", "c")),
    ],
)
def test_a_press_tells_the_row_of_a_table_or_what_was_chosen_in_a_form(
    private: dict[str, object], action: str, chosen: tuple[str, ...]
) -> None:
    found = parse_tap(tap({"cardPrivateData": private}))
    assert found is not None
    assert (found.action, found.chosen) == (action, chosen)


@pytest.mark.parametrize(
    "data", [{}, tap({}), tap({"cardPrivateData": 5}), tap(None, content="{"), tap(None, content="[" * 9999)]
)
def test_a_press_on_nothing_is_none(data: dict[str, object]) -> None:
    assert parse_tap(data) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SAID, "content"]), inner),
    max_leaves=6,
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*SAID, "outTrackId", "userId", "content", "value", "createAt"]), JSON)
)
def test_nothing_that_comes_breaks_us(data: dict[str, Any]) -> None:
    parse_message(data)
    parse_tap(data)
