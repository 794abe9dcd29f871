"""Cards of runs that succeeded again appear without a notification, if the settings say so."""

from bot.errors import PermanentError
from bot.models import TaskStatus
from tests.conftest import CoreHarness


async def silences(core: CoreHarness, *outcomes: TaskStatus) -> list[bool]:
    """Let runs end like this. Returns whether their cards are silent."""
    for number, outcome in enumerate(outcomes):
        await core.trigger(cause=f"cron:{number}")
        await core.finish(status=outcome)
        core.clock.turn(seconds=60)
    return [card.silent for card in core.messenger.cards.values()]


async def test_the_second_success_in_a_row_is_silent(core: CoreHarness) -> None:
    core.notify = {"silent_success": True}
    core.build()
    done, error = TaskStatus.DONE, TaskStatus.ERROR
    assert await silences(core, done, done, error, done, done) == [False, True, False, False, True]


async def test_without_the_setting_every_card_notifies(core: CoreHarness) -> None:
    assert await silences(core, TaskStatus.DONE, TaskStatus.DONE) == [False, False]


async def test_a_card_whose_template_is_refused_is_as_silent(core: CoreHarness) -> None:
    core.notify, core.template_id = {"silent_success": True}, "0c5f0d9e-0000-4000-8000-000000000000.schema"
    core.build()
    done = TaskStatus.DONE
    core.messenger.trouble_with["card"] = [PermanentError("unpublished", template=True)]
    assert await silences(core, done, done) == [False, True]
