"""Test our card template against the structure of the public examples in the builder's export format.

The rules were read from the 13 exports of github.com/open-dingtalk/dingtalk-card-examples.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from cards.card_template import CardTemplate
from cards.platform.export import FILE, FORM_ACTION, PRIVATE, VARIABLES, export
from cards.render import Cards
from handlers import router
from tests.cards.samples import SAMPLES

TYPES = {
    "string", "stringArray", "boolean", "booleanArray", "number", "numberArray", "object", "loopArray",
    "markdown", "chart", "table", "form",
}  # fmt: skip
"""Types of a variable (0005-variable-type), as the builder writes them."""

NODE_KEYS = {"componentName", "id", "props", "title", "hidden", "isLocked", "condition", "conditionGroup"}
CARD_KEYS = {"children", "fileName", "dataSource", "state", "lifeCycles", "methods"}
CONTAINERS = {"Card", "Loop", "CollapsePanel"}
LINKS = {"variableValue", "dynamicNumber", "dynamicSelect", "dynamicMarkdown", "dynamicColor", "dynamicLink"}
EDITOR = json.loads(json.loads(FILE.read_text("utf-8"))["editorData"])
TREE = EDITOR["schema"]["componentsTree"]


def nodes(tree: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in tree:
        yield each
        yield from nodes(each.get("children", []))


def parts(value: object) -> Iterator[dict[str, Any]]:
    """Yield every object in a document."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(each)


def declared(variables: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in variables:
        yield each
        yield from declared(each.get("schema", []))


NAMES = {each["id"] for each in declared(EDITOR["variableList"])}


def test_the_file_is_current() -> None:
    """Run `python -m cards.platform.export` after a change."""
    assert json.loads(FILE.read_text("utf-8")) == export()


def test_the_file_has_the_parts_of_an_export() -> None:
    whole = json.loads(FILE.read_text("utf-8"))
    assert {key: type(value) for key, value in whole.items()} == dict.fromkeys(
        ("editorData", "widgetInfo", "type", "mode"), str
    )
    assert (whole["type"], whole["mode"]) == ("im", "card")
    assert whole["widgetInfo"].startswith("<LinearLayout")
    lists = ("variableList", "formList", "expList", "localList", "hsfList", "lwpList")
    assert all(isinstance(EDITOR[name], list) for name in lists)
    assert EDITOR["schemaVersion"] == "3.0.0"
    assert set(EDITOR["schema"]) == {"version", "componentsMap", "componentsTree", "i18n"}
    assert set(EDITOR["mockData"]) == {"cardData", "cardPrivateData", "localData", "richTextData"}


def test_every_component_is_a_node_with_an_id_of_its_own() -> None:
    found = list(nodes(TREE))
    assert [each["componentName"] for each in TREE] == ["Card"]
    assert len({each["id"] for each in found}) == len(found)
    for each in found:
        more = CARD_KEYS if each["componentName"] == "Card" else {"children"}
        assert NODE_KEYS <= set(each) <= NODE_KEYS | more
        assert ("children" in each) is (each["componentName"] in CONTAINERS)


def test_the_map_names_each_component_once() -> None:
    mapped = [each["componentName"] for each in EDITOR["schema"]["componentsMap"]]
    assert len(set(mapped)) == len(mapped)
    assert set(mapped) == {each["componentName"] for each in nodes(TREE)}


def test_variables_have_types_that_the_builder_knows() -> None:
    for each in declared(EDITOR["variableList"]):
        assert each["type"] in TYPES
        assert each["editorVarType"] == "variables"
    assert {each["name"] for each in EDITOR["variableList"] if each["private"]} == PRIVATE


def test_what_components_refer_to_is_declared() -> None:
    for each in parts(TREE):
        if each.get("type") in LINKS and each.get("valueType", "variable") == "variable" and each["variable"]:
            assert each["variable"] in NAMES
        for name in re.findall(r"\$\{(.+?)\}", str(each.get("content", ""))):
            assert (name in NAMES) or (name.startswith("loop.") and f"buttons[0].{name[5:]}" in NAMES)
        for test in each.get("conditions", []):
            assert test["variable"] in NAMES


def test_every_variable_is_shown_somewhere() -> None:
    text = json.dumps(TREE)
    assert all(f'"{name}"' in text or f"${{{name}}}" in text for name in VARIABLES if name != "config")


def test_a_card_fills_exactly_the_variables_of_the_template() -> None:
    cards = Cards(template=CardTemplate.chosen("own.schema"), buttons=router.button_designs)
    for sample in SAMPLES.values():
        params = cards.summary(sample.run, sample.report, **sample.options).params
        assert params.keys() == VARIABLES.keys()
    assert cards.digest([sample.run]).params.keys() == VARIABLES.keys()


def test_the_form_calls_back_by_a_button_of_the_bot() -> None:
    (form,) = (each for each in nodes(TREE) if each["componentName"] == "Form")
    assert form["props"]["id"] == FORM_ACTION
    assert FORM_ACTION in router.buttons


def test_the_buttons_call_back_with_the_id_of_their_item() -> None:
    (button,) = (each for each in nodes(TREE) if each["componentName"] == "SingleButton")
    props = button["props"]
    assert (props["actionType"], props["actionId"]["content"]) == ("request", "${loop.id}")
    assert [(each["name"], each["variable"]) for each in props["params"]] == [("id", "buttons[0].id")]
