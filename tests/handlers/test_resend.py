"""Test the command `重发` and its button."""

from bot.delivery.plan import card_id
from bot.errors import PermanentError, TemporaryError
from bot.models import JobState, PushStatus, Run
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness
from tests.handlers.test_last_report import almost_spent


async def unconfirmed_run(core: CoreHarness) -> Run:
    """Return a run whose file is unconfirmed."""
    core.messenger.trouble = [None, None, TemporaryError("no answer", uncertain=True)]
    return await core.finished_run()


def shown(core: CoreHarness, run: Run) -> str:
    return "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())


async def test_a_card_says_that_its_file_is_unconfirmed_and_offers_to_send_it_again(
    core: CoreHarness,
) -> None:
    run = await unconfirmed_run(core)
    assert core.messenger.verbs() == ["card", "upload", "update"]
    assert '"resend"' in shown(core, run)


async def test_the_button_sends_it_again_and_goes_away(core: CoreHarness) -> None:
    run = await unconfirmed_run(core)
    await core.intake.receive_tap(tap_on(run.id, "resend"))
    await core.do_jobs()
    assert core.messenger.verbs()[3:] == ["file", "update"]
    assert '"resend"' not in shown(core, run)


async def test_a_second_press_sends_nothing(core: CoreHarness) -> None:
    run = await unconfirmed_run(core)
    for _ in range(2):
        await core.intake.receive_tap(tap_on(run.id, "resend"))
        await core.do_jobs()
    assert core.messenger.verbs().count("file") == 1


async def test_a_press_with_nothing_to_send_is_answered(core: CoreHarness) -> None:
    run = await core.finished_run()
    assert await core.intake.receive_tap(tap_on(run.id, "resend"))
    assert await core.store.find_jobs(kind="tap") == []


async def test_the_command_sends_again_what_was_given_up(core: CoreHarness) -> None:
    core.messenger.trouble = [PermanentError("no scope"), PermanentError("no robot")]
    run = await core.finished_run()
    assert run.push_status is PushStatus.ERROR
    assert "每日巡检" in await core.say(f"重发 {run.id}")
    assert (await core.run(run.id)).push_status is PushStatus.SUCCESS


async def test_without_a_run_the_last_one_told_here_is_meant(core: CoreHarness) -> None:
    await unconfirmed_run(core)
    assert "1 条" in await core.say("redeliver")
    assert "没有要重发的" in await core.say("redeliver")


async def test_an_attempt_that_fails_again_can_be_asked_for_again(core: CoreHarness) -> None:
    run = await unconfirmed_run(core)
    core.messenger.trouble = [None, TemporaryError("no answer", uncertain=True)]  # the reply, then the file
    await core.say(f"重发 {run.id}")
    await core.say(f"重发 {run.id}")
    files = await core.store.find_jobs(kind="file")
    assert [job.state for job in files] == [JobState.UNCONFIRMED, JobState.UNCONFIRMED, JobState.DONE]
    assert [job.id[-2:] for job in files[1:]] == ["~2", "~3"]


async def test_an_unknown_run_is_said(core: CoreHarness) -> None:
    assert "r0" in await core.say("重发 r0")


async def test_the_id_of_a_run_is_taken_in_capitals(core: CoreHarness) -> None:
    run = await core.finished_run()
    assert "没有编号" not in await core.say(f"重发 {run.id.upper()}")


async def test_as_the_month_runs_out_nothing_is_sent_again(core: CoreHarness) -> None:
    run = await unconfirmed_run(core)
    await almost_spent(core, 95)
    answers = await core.say("重发"), (await core.intake.receive_tap(tap_on(run.id, "resend")))["tips"]
    await core.do_jobs()
    assert all("额度" in answer for answer in answers)
    assert "file" not in core.messenger.verbs()
