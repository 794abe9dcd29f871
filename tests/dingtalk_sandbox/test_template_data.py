"""Warnings about the data of cards with an exported template."""

import json
import logging

import pytest

from tests.dingtalk_sandbox.harness import BOTH, BY_KEY, CREATE, Client, card, variables
from tests.dingtalk_sandbox.template_builder import bound, component, export, text, variable

ID = "mine.schema"
TEMPLATE = export(
    component("BaseText", text=text("${title}${count}${picked}")),
    component("Loop", component("BaseText", text=text("${loop.name}")), listData=bound("rows")),
    variables=(
        variable("title"),
        variable("count", "number"),
        variable("rows", "loopArray", fields=[variable("name"), variable("done", "boolean")]),
        variable("mine", private=True),
        variable("unused"),
    ),
    local=(variable("picked"),),
    expressions={"sum": "count + 1"},
)
RIGHT = {"title": "Nightly", "count": "3", "rows": json.dumps([{"name": "a", "done": True}])}


@pytest.fixture(autouse=True)
async def template(client: Client) -> None:
    await client.control("templates", {ID: TEMPLATE})


async def create(client: Client, values: dict[str, str], **more: object) -> list[str]:
    """Create a card and return the warnings of the call."""
    answer = await client.api(BOTH, card(cardTemplateId=ID, cardData=variables(**values)) | more)
    assert answer.status == 200, answer
    found: list[str] = (await client.last())["wire"].get("warnings", [])
    return found


async def test_a_card_that_fits_its_template_has_no_warnings(client: Client) -> None:
    assert await create(client, RIGHT) == []


@pytest.mark.parametrize(
    ("name", "value", "warning"),
    [
        ("heading", "x", "the template has no variable 'heading'"),
        ("picked", "x", "'picked' is a local variable of the template; a value that is sent is not shown"),
        ("sum", "1", "'sum' is an expression of the template; a value that is sent is not shown"),
        ("count", "three", "the variable 'count' (number) is not JSON: 'three'"),
        ("count", "true", "the variable 'count' must be a number, got true"),
        ("rows", "{}", "the variable 'rows' must be a list (loopArray), got {}"),
        ("rows", '[{"done": "yes"}]', """the variable 'rows[0].done' must be true or false, got "yes\""""),
    ],
)
async def test_a_wrong_variable_is_a_warning(
    client: Client, caplog: pytest.LogCaptureFixture, name: str, value: str, warning: str
) -> None:
    with caplog.at_level(logging.WARNING):
        assert await create(client, RIGHT | {name: value}) == [warning]
    assert f"card run-1: {warning}" in caplog.messages


async def test_variables_that_are_shown_and_not_set_are_warnings(client: Client) -> None:
    assert await create(client, {"title": "Nightly", "rows": "[]"}) == [
        "the variable 'count' is not set; it shows as empty"
    ]


async def test_private_values_of_public_variables_are_warnings(client: Client) -> None:
    private = {"user01": variables(mine="a", title="b")}
    warning = "the variable 'title' is not marked private in the template; its private value is not shown"
    assert await create(client, RIGHT, privateData=private) == [warning]
    assert (await client.last(viewer="user01"))["private"] == {"mine": "a"}


async def test_an_update_by_key_may_leave_variables_out(client: Client) -> None:
    await create(client, RIGHT)
    change = {"outTrackId": "run-1", "cardData": variables(count="4")}
    await client.api(CREATE, change | {"cardUpdateOptions": BY_KEY}, "PUT")
    await client.api(CREATE, change, "PUT")
    by_key, whole = (await client.last())["updates"]
    assert "warnings" not in by_key
    assert len(whole["warnings"]) == 2
