"""DingTalk refuses our own card template: the card is sent all the same, by the public one, once."""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.delivery.circuit_breaker import CardTemplates
from bot.delivery.payload import DeliveryPayload
from bot.errors import CardUndeliveredError, PermanentError, TemporaryError
from bot.models import Destination, DestinationKind, JobState, Run
from bot.telemetry.rescues import Rescue
from cards.card_template import BUTTONS
from tests.chat.test_dispatcher import tap_on
from tests.conftest import CoreHarness
from tests.fakes import FakeClock

OPERATOR = Destination(kind=DestinationKind.USER, id="boss")
OWN = "0c5f0d9e-0000-4000-8000-000000000000.schema"


def refused(code: str = "param.templateUnpublished") -> PermanentError:
    return PermanentError(f"DingTalk answered {code}", code=code, template=True)


@pytest.fixture
def core(core: CoreHarness) -> Iterator[CoreHarness]:
    core.template_id, core.operators = OWN, (OPERATOR,)
    core.build()
    yield core
    core.messenger.trouble_with.clear()


async def finished(core: CoreHarness, cause: str = "cron:s1:now") -> Run:
    run = await core.trigger(cause=cause)
    await core.finish()
    await core.do_jobs()
    return await core.run(run.id)


def templates(core: CoreHarness) -> list[str]:
    return [card.template_id for card in core.messenger.cards.values()]


def alerts(core: CoreHarness) -> list[str]:
    return [what for verb, to, what in core.messenger.sent if verb == "note" and to == str(OPERATOR)]


async def test_an_accepted_template_is_used_and_known_of_the_card(core: CoreHarness) -> None:
    run = await finished(core)
    (card,) = core.messenger.cards.values()
    assert (card.template_id, json.loads(card.params["config"])) == (OWN, {"autoLayout": True})
    (job,) = await core.store.find_jobs(run_id=run.id, kind="card")
    assert job.result["template"] == OWN
    assert alerts(core) == []


@pytest.mark.rescue(Rescue.TEMPLATE_REPLACED)
async def test_a_refused_template_is_replaced_and_operators_are_told_once(core: CoreHarness) -> None:
    core.messenger.trouble_with["card"] = [refused()]
    await finished(core)
    core.clock.turn(seconds=60)
    await finished(core, "cron:s1:later")
    assert templates(core) == [BUTTONS.id, BUTTONS.id]
    (told,) = alerts(core)
    assert "不接受卡片模板" in told
    assert "templateUnpublished" in told


async def test_a_replaced_card_has_the_same_buttons(core: CoreHarness) -> None:
    core.messenger.trouble_with["card"] = [refused()]
    await finished(core)
    (card,) = core.messenger.cards.values()
    buttons = json.loads(card.params["sys_full_json_obj"])["msgButtons"]
    assert "rerun" in [button["id"] for button in buttons]


async def test_it_is_tried_again_after_an_hour_and_operators_hear_that_it_works(core: CoreHarness) -> None:
    core.messenger.trouble_with["card"] = [refused()]
    await finished(core)
    core.clock.turn(seconds=3_700)
    await finished(core, "cron:s1:later")
    assert templates(core) == [BUTTONS.id, OWN]
    assert "又能用了" in alerts(core)[-1]


async def test_an_update_uses_the_template_the_card_was_made_with(core: CoreHarness) -> None:
    core.messenger.trouble_with["card"] = [refused()]
    run = await finished(core)
    core.clock.turn(seconds=3_700)
    await core.intake.receive_tap(tap_on(run.id))
    await core.do_jobs()
    assert any(verb == "update" for verb, _, _ in core.messenger.sent)
    first = next(iter(core.messenger.cards.values()))
    assert first.template_id == BUTTONS.id
    assert "sys_full_json_obj" in first.params


@pytest.mark.parametrize(
    "lost", [TemporaryError("answer lost", uncertain=True), CardUndeliveredError("later")]
)
async def test_after_a_failed_attempt_the_replaced_card_stays_one(core: CoreHarness, lost: Exception) -> None:
    core.messenger.trouble_with["card"] = [refused(), lost]
    run = await finished(core)
    core.clock.turn(seconds=30)
    await core.do_jobs()
    assert templates(core) == [BUTTONS.id]
    (job,) = await core.store.find_jobs(run_id=run.id, kind="card")
    assert (job.state, job.result["template"]) == (JobState.DONE, BUTTONS.id)
    assert len(alerts(core)) == 1


async def test_what_no_template_can_mend_is_no_fault_of_the_template(core: CoreHarness) -> None:
    core.messenger.trouble_with["card"] = [refused("param.invalid"), refused("param.invalid")]
    await finished(core)
    assert core.messenger.cards == {}
    assert not any("卡片模板" in told for told in alerts(core))


async def test_a_public_template_has_no_other_one(core: CoreHarness) -> None:
    core.template_id = "buttons"
    core.build()
    core.messenger.trouble_with["card"] = [refused()]
    await finished(core)
    assert core.messenger.cards == {}


async def test_a_card_begun_by_the_public_template_is_finished_by_it(core: CoreHarness) -> None:
    """The answer is lost, and before the next attempt our own template may be tried again."""
    core.messenger.trouble_with["card"] = [refused()]
    await finished(core)
    core.clock.turn(seconds=3_590)
    core.messenger.trouble_with["card"] = [TemporaryError("answer lost", uncertain=True)]
    run = await finished(core, "cron:s1:later")
    core.clock.turn(seconds=60)
    await core.do_jobs()
    (job,) = await core.store.find_jobs(run_id=run.id, kind="card")
    assert job.result["template"] == BUTTONS.id


async def test_two_bots_that_meet_the_refusal_at_once_tell_operators_once(core: CoreHarness) -> None:
    later = FakeClock(core.clock() + timedelta(seconds=1))
    first, second = (CardTemplates(core.store, core.notices, clock=clock) for clock in (core.clock, later))
    await asyncio.gather(first.record_refusal(OWN, "unpublished"), second.record_refusal(OWN, "unpublished"))
    await core.do_jobs()
    assert len(alerts(core)) == 1


async def test_a_template_that_is_refused_again_later_is_told_again(core: CoreHarness) -> None:
    for cause in ("one", "two"):
        core.messenger.trouble_with["card"] = [refused()]
        await finished(core, f"cron:{cause}")
        core.clock.turn(seconds=3_700)
        await finished(core, f"cron:{cause}:again")
        core.clock.turn(seconds=3_700)
    assert [("不接受" in told, "又能用" in told) for told in alerts(core)] == [
        (True, False),
        (False, True),
    ] * 2


def test_a_resend_repeats_the_template_and_not_its_refusal() -> None:
    """The template may have been accepted since."""
    sent = DeliveryPayload(destination=OPERATOR, template=BUTTONS.id, template_error="unpublished")
    again = sent.for_resend("card:r1", "boss")
    assert (again.template, again.template_error) == (BUTTONS.id, "")
