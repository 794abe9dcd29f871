"""Test the command `撤销链接` and its button."""

import pytest

from bot.delivery.plan import card_id
from bot.models import Run
from bot.reports.link_tokens import LinkPolicy
from tests.chat.test_dispatcher import tap_on
from tests.conftest import GROUP, CoreHarness


@pytest.fixture
async def run(core: CoreHarness) -> Run:
    """Return a run whose report was sent as a link."""
    core.max_bytes, core.terms = 10, LinkPolicy(public_url="https://run.example.com")
    core.build()
    return await core.finished_run()


def buttons(core: CoreHarness, run: Run) -> str:
    return "".join(core.messenger.cards[card_id(run.id, GROUP)].params.values())


@pytest.mark.parametrize("words", ["撤销链接", "revoke", "撤销链接 {run}"])
async def test_the_command_revokes_all_links_and_updates_the_card(
    core: CoreHarness, run: Run, words: str
) -> None:
    assert '"revoke"' in buttons(core, run)
    await core.say("最近报告")
    answer = await core.say(words.format(run=run.id))
    assert "2 个" in answer
    assert run.id in answer
    assert not await core.links.has_valid_link(run.id)
    assert '"revoke"' not in buttons(core, run)


async def test_without_links_it_says_so(core: CoreHarness, run: Run) -> None:
    await core.say("撤销链接")
    assert "不用撤销" in await core.say("撤销链接")
    assert "r0" in await core.say("撤销链接 r0")


async def test_the_button_does_the_same(core: CoreHarness, run: Run) -> None:
    first = await core.intake.receive_tap(tap_on(run.id, "revoke"))
    await core.do_jobs()
    assert "作废了" in first["tips"]
    assert not await core.links.has_valid_link(run.id)
    assert '"revoke"' not in buttons(core, run)
    again = await core.intake.receive_tap(tap_on(run.id, "revoke"))
    assert "已经作废" in again["tips"]


async def test_the_same_button_revokes_a_new_link(core: CoreHarness, run: Run) -> None:
    for _ in range(2):
        await core.intake.receive_tap(tap_on(run.id, "revoke"))
        await core.do_jobs()
        assert not await core.links.has_valid_link(run.id)
        await core.say("最近报告")
    assert await core.links.has_valid_link(run.id)
