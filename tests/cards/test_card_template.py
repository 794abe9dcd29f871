"""Test the variables of each card template."""

import json

import pytest

from bot.errors import ConfigError
from cards.card_template import AI, BUTTONS, CardButton, CardTemplate

OWN = "0c5f0d9e-0000-4000-8000-000000000000.schema"
RERUN = CardButton(id="rerun", text="重跑", color="blue")


def params(template: CardTemplate, *buttons: CardButton) -> dict[str, str]:
    return template.params(title="t", markdown="m", tips="p", buttons=buttons)


def test_a_button_calls_back_by_every_known_reading() -> None:
    sent = json.loads(params(BUTTONS, RERUN)["sys_full_json_obj"])
    same = {"text": "重跑", "color": "blue", "id": "rerun", "request": True, "params": {"id": "rerun"}}
    assert sent == {"msgButtons": [same]}


def test_the_public_template_gets_its_four_variables() -> None:
    assert params(BUTTONS) == {
        "title": "t",
        "markdown": "m",
        "tips": "p",
        "sys_full_json_obj": '{"msgButtons": []}',
    }


def test_the_ai_template_is_told_that_it_is_finished() -> None:
    sent = params(AI, RERUN)
    assert (sent["flowStatus"], sent["msgTitle"], sent["msgContent"], sent["staticMsgContent"]) == (
        "3",
        "t",
        "m",
        "p",
    )
    assert json.loads(sent["sys_full_json_obj"])["order"][-1] == "msgButtons"


def test_the_ai_template_orders_no_buttons_where_there_are_none() -> None:
    assert "msgButtons" not in json.loads(params(AI)["sys_full_json_obj"])["order"]


def test_an_own_template_gets_only_what_is_mapped() -> None:
    template = CardTemplate.chosen(OWN, {"markdown": "body", "buttons": "list"})
    assert params(template, RERUN) == {"body": "m", "list": json.dumps([RERUN.as_json()], ensure_ascii=False)}


def test_an_own_template_without_a_mapping_is_the_imported_one() -> None:
    assert CardTemplate.chosen(OWN).rich
    assert not CardTemplate.chosen(OWN, {"markdown": "body"}).rich


def test_only_an_own_template_may_be_refused() -> None:
    assert [each.is_public for each in (BUTTONS, AI, CardTemplate.chosen(OWN))] == [True, True, False]


def test_only_the_tips_change_for_one_person() -> None:
    assert BUTTONS.private("x") == {"tips": "x"}
    assert AI.private("x") == {"staticMsgContent": "x"}


def test_the_tips_also_reach_a_card_that_the_public_template_replaced() -> None:
    assert CardTemplate.own(OWN).private("x") == {"tips": "x"}
    assert CardTemplate.own(OWN, {"tips": "hint"}).private("x") == {"hint": "x", "tips": "x"}


@pytest.mark.parametrize(("setting", "template"), [("buttons", BUTTONS), ("ai", AI)])
def test_presets_have_names(setting: str, template: CardTemplate) -> None:
    assert CardTemplate.chosen(setting) is template


@pytest.mark.parametrize("setting", ["", "Buttons", ".schema", "1366a1eb", "a b.schema"])
def test_any_other_setting_is_refused_by_its_key(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"DINGDING\.CARD_TEMPLATE_ID"):
        CardTemplate.chosen(setting)


@pytest.mark.parametrize("mapping", [{"body": "x"}, {"title": ""}, {"title": "题" * 40}])
def test_a_mapping_that_cannot_work_is_refused(mapping: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"DINGDING\.CARD_TEMPLATE_ID"):
        CardTemplate.own(OWN, mapping)
