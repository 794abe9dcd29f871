"""Test that a reply is understood by what DingRun asked or listed last."""

from datetime import timedelta

import pytest

from bot.chat.pending_answers import LIST_TTL, QUESTION_TTL, PendingAnswers, PendingKind
from bot.models import Person
from bot.stores.sqlite.store import SqliteStore
from tests.factories import make_message
from tests.fakes import FakeClock

SHOWN = ["ra", "rb"]


@pytest.fixture
def answers(store: SqliteStore, clock: FakeClock) -> PendingAnswers:
    return PendingAnswers(store, clock=clock)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2", "rb"),
        ("#1", "ra"),
        ("第2个", "rb"),
        ("1 号", "ra"),
        ("3", "3"),
        ("0", "0"),
        ("每日", "每日"),
        ("", ""),
    ],
)
async def test_a_number_in_the_list_is_understood(answers: PendingAnswers, text: str, meant: str) -> None:
    await answers.remember_list(make_message(), SHOWN, command="报告")
    assert await answers.resolve(make_message(), text) == meant


async def test_the_last_list_counts_and_an_empty_one_is_none(answers: PendingAnswers) -> None:
    for ids in (SHOWN, ["rc"], []):
        await answers.remember_list(make_message(), ids, command="报告")
    assert [await answers.resolve(make_message(), number) for number in "12"] == ["rc", "2"]


async def test_everybody_has_their_own_list_in_each_conversation(answers: PendingAnswers) -> None:
    await answers.remember_list(make_message(), SHOWN, command="报告")
    for other in (make_message(sender=Person(id="user02")), make_message(conversation_id="cidB")):
        assert await answers.resolve(other, "1") == "1"


@pytest.mark.parametrize(
    ("kind", "ttl"), [(PendingKind.LIST, LIST_TTL), (PendingKind.CONFIRMATION, QUESTION_TTL)]
)
async def test_questions_and_lists_expire(
    answers: PendingAnswers, clock: FakeClock, kind: PendingKind, ttl: timedelta
) -> None:
    if kind is PendingKind.LIST:
        await answers.remember_list(make_message(), SHOWN, command="报告")
    else:
        await answers.ask_confirmation(make_message(), "s1", command="重跑")
    clock.turn(seconds=ttl.total_seconds())
    assert await answers.find(make_message())
    clock.turn(seconds=1)
    assert await answers.find(make_message()) is None


async def test_a_confirmation_counts_once_but_survives_a_repeated_message(answers: PendingAnswers) -> None:
    await answers.ask_confirmation(make_message(id="m1"), "s1", command="重跑")
    reply = make_message(id="m2")
    pending = await answers.find(reply)
    assert pending
    await answers.close(reply, pending)
    assert await answers.find(reply)
    assert await answers.find(make_message(id="m3")) is None


async def test_a_list_of_an_earlier_version_is_none(answers: PendingAnswers, store: SqliteStore) -> None:
    message = make_message()
    await store.set_value(f"list:{message.conversation_id}:{message.sender.id}", '["ra"]')
    assert await answers.find(message) is None
