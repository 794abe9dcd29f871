"""Test the command `撤销链接` and its button."""

import pytest

from bot.delivery.plan import card_id
from bot.models import Run
from bot.reports.link_tokens import LinkPolicy
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness


@pytest.fixture
async def run(desk: CoreHarness) -> Run:
    """Return a run whose report was sent as a link."""
    desk.max_bytes, desk.terms = 10, LinkPolicy(public_url="https://run.example.com")
    desk.build()
    return await desk.finished_run()


def buttons(desk: CoreHarness, run: Run) -> str:
    return "".join(desk.messenger.cards[card_id(run.id, GROUP)].params.values())


@pytest.mark.parametrize("words", ["撤销链接", "revoke", "撤销链接 {run}"])
async def test_the_command_revokes_all_links_and_updates_the_card(
    desk: CoreHarness, run: Run, words: str
) -> None:
    assert '"revoke"' in buttons(desk, run)
    await desk.say("最近报告")
    answer = await desk.say(words.format(run=run.id))
    assert "2 个" in answer
    assert run.id in answer
    assert not await desk.links.has_valid_link(run.id)
    assert '"revoke"' not in buttons(desk, run)


async def test_without_links_it_says_so(desk: CoreHarness, run: Run) -> None:
    await desk.say("撤销链接")
    assert "不用撤销" in await desk.say("撤销链接")
    assert "r0" in await desk.say("撤销链接 r0")


async def test_the_button_does_the_same(desk: CoreHarness, run: Run) -> None:
    first = await desk.intake.receive_tap(tap_on(run.id, "revoke"))
    await desk.do_jobs()
    assert "作废了" in first["tips"]
    assert not await desk.links.has_valid_link(run.id)
    assert '"revoke"' not in buttons(desk, run)
    again = await desk.intake.receive_tap(tap_on(run.id, "revoke"))
    assert "已经作废" in again["tips"]


async def test_the_same_button_revokes_a_new_link(desk: CoreHarness, run: Run) -> None:
    for _ in range(2):
        await desk.intake.receive_tap(tap_on(run.id, "revoke"))
        await desk.do_jobs()
        assert not await desk.links.has_valid_link(run.id)
        await desk.say("最近报告")
    assert await desk.links.has_valid_link(run.id)
