"""Cards that DingTalk has created and shown to nobody."""

from typing import Any

from bot.errors import CardUndeliveredError
from bot.models import SendResult
from tests.conftest import CoreHarness

UNDELIVERED = CardUndeliveredError("SYSTEM_ERROR")


async def test_a_card_that_was_created_and_not_delivered_is_delivered_next(core: CoreHarness) -> None:
    core.messenger.trouble = [UNDELIVERED]
    await core.finished_run()
    core.clock.turn(seconds=5)
    await core.do_jobs()
    assert core.messenger.verbs() == ["deliver", "upload", "file"]


async def test_another_process_delivers_a_card_that_reached_nobody(core: CoreHarness) -> None:
    """Only the store tells it that the card was created, so that it need not ask DingTalk to create it."""
    core.messenger.trouble = [UNDELIVERED, UNDELIVERED]
    send_card, created = core.messenger.send_card, list[bool]()

    async def noted(*args: Any, **options: Any) -> SendResult:
        created.append(options.get("created", False))
        return await send_card(*args, **options)

    core.messenger.send_card = noted  # type: ignore[method-assign]
    await core.finished_run()
    for _ in range(2):
        core.build()
        core.clock.turn(seconds=10)
        await core.do_jobs()
    assert created == [False, True, True]
    assert core.messenger.verbs() == ["deliver", "upload", "file"]
