"""Text that is streamed into a card, and the states of AI cards."""

from typing import Any

import pytest

from tests.dingtalk_sandbox.harness import BOTH, Answer, Client, card, variables
from tests.dingtalk_sandbox.template_builder import bound, component, export, variable

STREAMING = "/v1.0/card/streaming"
AI = "382e4302-551d-4880-bf29-a30acfab2e71.schema"
FRAME = {"outTrackId": "run-1", "guid": "1", "key": "msgContent", "content": "a", "isFull": True}


@pytest.fixture
async def ai_card(client: Client) -> Client:
    """A delivered AI card with a title."""
    await client.api(BOTH, card(cardTemplateId=AI, cardData=variables(msgTitle="t")))
    return client


async def stream(client: Client, **changes: Any) -> Answer:
    return await client.api(STREAMING, FRAME | changes, "PUT")


async def shown(client: Client) -> Any:
    return (await client.last())["variables"]


async def test_text_is_streamed_into_a_variable(ai_card: Client) -> None:
    assert (await stream(ai_card, key="tips")).body == {"success": True, "result": True}
    await stream(ai_card, guid="2", key="tips", content="b", isFull=False)
    assert (await shown(ai_card))["tips"] == "ab"


async def test_a_repeated_guid_is_not_shown_twice(ai_card: Client) -> None:
    for _ in range(2):
        assert (await stream(ai_card, key="tips", isFull=False)).body == {"success": True, "result": True}
    assert (await shown(ai_card))["tips"] == "a"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": ""}, "param.stream.keyEmpty"),
        ({"guid": None}, "param.stream.guidEmpty"),
        ({"content": 5}, "param.stream.contentEmpty"),
        ({"isFull": "yes"}, "param.stream.isFull"),
        ({"isFull": False}, "param.stream.isFull"),
        ({"isFinalize": 1}, "param.invalid"),
        ({"outTrackId": ""}, "param.outTrackIdEmpty"),
        ({"outTrackId": "x"}, "param.stream.outTrackId"),
        ({"content": "x" * 102_400}, "param.stream.content"),
    ],
)
async def test_wrong_streams_are_refused(ai_card: Client, changes: dict[str, Any], code: str) -> None:
    assert (await stream(ai_card, **changes)).code == code
    assert "msgContent" not in await shown(ai_card)


async def test_an_empty_content_moves_a_card_to_typing(ai_card: Client) -> None:
    await stream(ai_card, content="")
    assert (await shown(ai_card)) == {"msgTitle": "t", "msgContent": "", "flowStatus": "2"}


async def test_an_ai_card_without_a_text_is_being_processed(client: Client) -> None:
    for track, values in (("a", {}), ("b", {"msgContent": "x"}), ("c", {"flowStatus": "3"})):
        body = card(cardTemplateId=AI, outTrackId=track, cardData=variables(**values))
        await client.api(BOTH, body)
    status = [message["variables"].get("flowStatus") for message in await client.messages()]
    assert status == ["1", None, "3"]


@pytest.mark.parametrize(("flags", "status"), [({"isFinalize": True}, "3"), ({"isError": True}, "5")])
async def test_the_last_frame_ends_an_ai_card(ai_card: Client, flags: dict[str, bool], status: str) -> None:
    await stream(ai_card)
    await stream(ai_card, guid="2", content="ab", **flags)
    assert (await shown(ai_card))["flowStatus"] == status


async def test_the_state_of_an_own_template_is_in_the_variable_it_is_bound_to(client: Client) -> None:
    container = component("AICardContainer", flowStatusVar=bound("phase"))
    own = export(container, variables=(variable("phase"), variable("text")))
    await client.control("templates", {"own.schema": own})
    await client.api(BOTH, card(cardTemplateId="own.schema", cardData=variables(text="")))
    await stream(client, key="text")
    assert (await shown(client))["phase"] == "2"


async def test_a_card_that_is_no_ai_card_has_no_state(client: Client) -> None:
    await client.api(BOTH, card())
    await stream(client, key="markdown")
    assert "flowStatus" not in await shown(client)


@pytest.mark.parametrize(("frames", "count"), [(["x" * 1024], 0), (["x" * 1025], 1), (["x" * 1000] * 4, 1)])
async def test_frames_that_are_too_long_are_shown_with_a_warning(
    ai_card: Client, frames: list[str], count: int
) -> None:
    for number, content in enumerate(frames):
        await stream(ai_card, guid=str(number), key="tips", isFull=False, content=content)
    calls = (await ai_card.call("GET", "/_sandbox/calls", params={"endpoint": "streaming"})).body
    assert sum("warnings" in call for call in calls) == count
    assert (await shown(ai_card))["tips"] == "".join(frames)
