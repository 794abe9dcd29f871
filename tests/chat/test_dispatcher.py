"""Test that messages and taps are stored, acknowledged and processed, each once."""

import asyncio

import pytest

from bot.chat.permissions import AccessPolicy
from bot.delivery.plan import card_id
from bot.errors import PermanentError, TemporaryError
from bot.models import CardTap, JobState, Message, Person
from bot.telemetry.rescues import Rescue
from tests.conftest import GROUP, CoreHarness
from tests.factories import make_message
from tests.fakes import FakeMessenger

MEMBER = Person(id="user01", name="李雷")
OUTSIDER = Person(id="", name="外部顾问")


def tap_on(run_id: str, action: str = "rerun", user: Person = MEMBER) -> CardTap:
    return CardTap(card_id=card_id(run_id, GROUP), action=action, user=user, conversation_id="cidA")


def words(params: dict[str, str]) -> str:
    return " ".join(params.values())


async def runs(core: CoreHarness) -> int:
    return len(await core.store.find_runs())


async def test_a_message_is_stored_before_it_is_answered(core: CoreHarness) -> None:
    message = make_message("重跑")
    await core.intake.receive_message(message)
    job = await core.store.find_job(f"message:{message.robot_code}:{message.id}")
    assert job is not None
    assert (job.state, core.messenger.sent, await runs(core)) == (JobState.TODO, [], 0)


@pytest.mark.rescue(Rescue.MESSAGE_REDELIVERED)
async def test_the_same_message_twice_reruns_once_and_is_answered_once(core: CoreHarness) -> None:
    message = make_message("重跑")
    await core.hear(message)
    await core.hear(message)
    assert (await runs(core), core.messenger.verbs()) == (1, ["reply"])


async def test_two_robots_in_one_message_are_two_requests(core: CoreHarness) -> None:
    for robot in ("dingA", "dingB"):
        await core.hear(make_message("帮助", id="same", robot_code=robot))
    assert core.messenger.verbs() == ["reply", "reply"]


async def test_nothing_is_acknowledged_while_the_store_hangs(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.chat.dispatcher.ACK_TIMEOUT_SECONDS", 0.01)

    async def hang(job: object) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(core.jobs, "add", hang)
    with pytest.raises(TemporaryError, match="too long"):
        await core.intake.receive_message(make_message())
    assert await core.intake.receive_tap(tap_on("rabcdefghij")) != {}


async def test_unknown_words_get_the_nearest_command(core: CoreHarness) -> None:
    assert "重跑" in await core.say("重泡")


async def test_people_outside_the_organisation_may_do_nothing(core: CoreHarness) -> None:
    await core.say("重跑", sender=OUTSIDER)
    assert await runs(core) == 0


async def test_only_operators_may_operate(core: CoreHarness) -> None:
    core.access_policy = AccessPolicy(operators=("manager01",))
    core.build()
    await core.say("重跑")
    assert await runs(core) == 0
    await core.say("重跑", sender=Person(id="manager01", name="王敏"))
    assert await runs(core) == 1


async def test_a_bug_is_answered_too(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(core.engine, "schedules", broken)
    assert "重跑" not in await core.say("重跑", id="msg-broken")
    monkeypatch.undo()


async def test_a_permanent_error_is_answered_too(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused() -> None:
        raise PermanentError("the engine is gone")

    monkeypatch.setattr(core.engine, "schedules", refused)
    assert await core.say("重跑")


async def test_an_unreachable_engine_is_retried_before_the_answer(
    core: CoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = core.engine.schedules
    answers: list[Exception | None] = [TemporaryError("away"), None]

    async def sometimes() -> object:
        error = answers.pop(0) if answers else None
        if error:
            raise error
        return await known()

    monkeypatch.setattr(core.engine, "schedules", sometimes)
    await core.hear(make_message("重跑"))
    assert core.messenger.sent == []
    core.clock.turn(seconds=5)
    await core.do_jobs()
    assert core.messenger.verbs() == ["reply"]


@pytest.fixture
def away(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine be unreachable."""

    async def schedules() -> object:
        raise TemporaryError("ARL does not answer")

    monkeypatch.setattr(core.engine, "schedules", schedules)


@pytest.mark.usefixtures("away")
async def test_the_sender_is_told_once_that_an_unreachable_engine_delays_the_answer(
    core: CoreHarness,
) -> None:
    await core.hear(make_message("重跑"))
    for _ in range(4):
        core.clock.turn(seconds=60)
        await core.do_jobs()
    assert core.messenger.verbs() == ["reply"]
    assert "ARL does not answer" in core.messenger.sent[0][2]


@pytest.mark.usefixtures("away")
async def test_the_sender_is_told_when_a_message_is_given_up(core: CoreHarness) -> None:
    await core.hear(make_message("重跑"))
    for _ in range(30):
        core.clock.turn(seconds=1_000)
        await core.do_jobs()
    assert core.messenger.verbs() == ["reply", "reply"]
    assert "❌" in core.messenger.sent[1][2]


async def test_a_tap_is_stored_and_answered(core: CoreHarness) -> None:
    run = await core.finished_run()
    shown = await core.intake.receive_tap(tap_on(run.id))
    assert words(dict(shown))
    assert await runs(core) == 1
    await core.do_jobs()
    assert await runs(core) == 2


async def test_a_second_tap_on_the_same_card_starts_nothing(core: CoreHarness) -> None:
    run = await core.finished_run()
    first = await core.intake.receive_tap(tap_on(run.id))
    await core.do_jobs()
    second = await core.intake.receive_tap(tap_on(run.id, user=Person(id="user02", name="韩梅梅")))
    await core.do_jobs()
    assert (first != second, await runs(core)) == (True, 2)


async def test_a_tap_while_it_is_running_starts_nothing(core: CoreHarness) -> None:
    run = await core.finished_run()
    await core.trigger(cause="cron:s1:later")
    await core.intake.receive_tap(tap_on(run.id))
    await core.do_jobs()
    assert await runs(core) == 2


@pytest.mark.parametrize(
    "tap",
    [
        CardTap(card_id="somebody-elses", action="rerun", user=MEMBER),
        tap_on("rabcdefghij"),
        tap_on("rabcdefghij", action="format-disk"),
    ],
)
async def test_a_tap_on_an_unknown_card_is_answered(core: CoreHarness, tap: CardTap) -> None:
    assert words(dict(await core.intake.receive_tap(tap)))


@pytest.mark.parametrize("user", [OUTSIDER, Person(id="user09")])
async def test_a_tap_without_permission_does_nothing(core: CoreHarness, user: Person) -> None:
    core.access_policy = AccessPolicy(operators=("manager01",))
    core.build()
    run = await core.finished_run()
    assert words(dict(await core.intake.receive_tap(tap_on(run.id, user=user))))
    await core.do_jobs()
    assert await runs(core) == 1


async def test_a_message_to_another_app_is_answered_by_that_app(core: CoreHarness) -> None:
    second = FakeMessenger()
    second.trouble = [PermanentError("the session of the message is over")]
    core.apps = {"second": second}
    core.build()
    await core.hear(make_message("重跑", conversation_id="cidB", app="second"))
    await core.finish()
    assert [(verb, where) for verb, where, _ in second.sent if verb != "upload"] == [
        ("note", "group:cidB#second"),
        ("card", "group:cidB#second"),
        ("file", "group:cidB#second"),
    ]


async def test_an_unconfirmed_answer_is_not_repeated(core: CoreHarness) -> None:
    core.messenger.trouble = [TemporaryError("no answer", uncertain=True)]
    message: Message = make_message("帮助")
    await core.hear(message)
    core.clock.turn(seconds=60)
    await core.do_jobs()
    job = await core.store.find_job(f"message:{message.robot_code}:{message.id}")
    assert job is not None
    assert (job.state, core.messenger.sent) == (JobState.UNCONFIRMED, [])
