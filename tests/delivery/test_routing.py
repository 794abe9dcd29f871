"""The routes of a summary, and the payloads that store them."""

import pytest

from bot.delivery.payload import DeliveryPayload, DeliveryResult, was_sent_alone
from bot.delivery.routing import Route, RoutingSnapshot, choose_route
from bot.models import Destination
from bot.quota.budget import QuotaLevel
from tests.factories import make_job

GROUP, ROBOT = Destination.parse("group:cidA"), Destination.parse("webhook:ops")


@pytest.mark.parametrize(
    ("snapshot", "route"),
    [
        (RoutingSnapshot(), Route.DIRECT),
        (RoutingSnapshot(silent=True, quota=QuotaLevel.SPENT, slot=False), Route.DIRECT),
        (RoutingSnapshot(quota=QuotaLevel.NO_FILE), Route.DIRECT),
        (RoutingSnapshot(cards_accepted=False), Route.PLAIN_MESSAGE),
        (RoutingSnapshot(quota=QuotaLevel.WEBHOOK), Route.WEBHOOK_FALLBACK),
        (RoutingSnapshot(quota=QuotaLevel.WEBHOOK, cards_accepted=False), Route.WEBHOOK_FALLBACK),
        (RoutingSnapshot(quota=QuotaLevel.WEBHOOK, slot=False), Route.DIGEST),
        (RoutingSnapshot(quota=QuotaLevel.DIGEST), Route.DIGEST),
        (RoutingSnapshot(slot=False, cards_accepted=False), Route.DIGEST),
        (RoutingSnapshot(quota=QuotaLevel.SPENT), None),
    ],
)
def test_the_route_follows_from_the_snapshot(snapshot: RoutingSnapshot, route: Route | None) -> None:
    assert choose_route(snapshot) is route


def test_nothing_is_withheld_where_messages_are_only_logged() -> None:
    silent, thrifty = (
        RoutingSnapshot(silent=True, quota=QuotaLevel.SPENT),
        RoutingSnapshot(quota=QuotaLevel.NO_FILE),
    )
    assert (silent.withholds_files, silent.withholds_updates) == (False, False)
    assert (thrifty.withholds_files, thrifty.withholds_updates) == (True, True)


@pytest.mark.parametrize(
    "payload",
    [
        DeliveryPayload(destination=GROUP),
        DeliveryPayload(destination=GROUP, asked=True, part=2, by="user01", resend_of="file:r1:group:cidA"),
        DeliveryPayload(destination=GROUP, route=Route.DIGEST, digest="digest:x", by="李雷"),
        DeliveryPayload(destination=GROUP, via=ROBOT, withheld=True, words=("标题", "正文")),
        DeliveryPayload(destination=GROUP, card_created=True, card_content="abc"),
    ],
)
def test_a_payload_is_read_as_it_was_written(payload: DeliveryPayload) -> None:
    assert DeliveryPayload.of(make_job(payload=payload.as_json())) == payload


@pytest.mark.parametrize(
    "result",
    [
        DeliveryResult(),
        DeliveryResult(message_id="m", silent=True, card_id="c", exports=(), digest="d"),
        DeliveryResult(fallback_reason="no scope", skipped="no report", parts=3, link=True, exports=("e",)),
    ],
)
def test_a_result_is_read_as_it_was_written(result: DeliveryResult) -> None:
    assert DeliveryResult.of(make_job(result=result.as_json())) == result


def test_a_resend_chooses_its_route_anew() -> None:
    first = DeliveryPayload(
        destination=GROUP,
        asked=True,
        route=Route.DIGEST,
        digest="d",
        via=ROBOT,
        withheld=True,
        part=2,
        card_created=True,
        card_content="abc",
    )
    again = first.for_resend("file:1", "user01")
    assert (again.route, again.digest, again.via, again.withheld) == (None, "", None, False)
    assert (again.part, again.card_created, again.card_content, again.target) == (2, True, "abc", GROUP)
    assert (again.asked, again.by) == (True, "user01")
    assert again.is_resend_for("")
    assert again.requested_by_person


@pytest.mark.parametrize(
    ("result", "payload", "alone"),
    [
        ({}, {}, True),
        ({"message_id": "m"}, {"asked": True}, True),
        ({"silent": True}, {}, False),
        ({"skipped": "muted"}, {}, False),
        ({"digest": "d"}, {}, False),
        ({"fell": "no cards"}, {}, False),
        ({}, {"again": "card:r1:group:cidA"}, False),
    ],
)
def test_a_summary_was_sent_alone_unless_it_waited_or_went_another_way(
    result: dict[str, object], payload: dict[str, object], alone: bool
) -> None:
    job = make_job(payload=payload | {"destination": str(GROUP)}, result=result)
    assert was_sent_alone(job) is alone


def test_what_is_stored_keeps_its_names() -> None:
    """Jobs that an older version stored are still read, and by an older bot on the same store."""
    payload = DeliveryPayload(
        destination=GROUP,
        asked=True,
        resend_of="file:r1:group:cidA",
        by="user01",
        cause="msg1",
        part=2,
        route=Route.DIGEST,
        digest="digest:x",
        quiet=True,
        via=ROBOT,
        withheld=True,
        words=("title", "text"),
        card_created=True,
        card_content="abc",
        template="t",
        template_error="unpublished",
    )
    assert payload.as_json() == {
        "version": 1,
        "destination": "group:cidA",
        "asked": True,
        "again": "file:r1:group:cidA",
        "by": "user01",
        "cause": "msg1",
        "part": 2,
        "way": "digest",
        "digest": "digest:x",
        "quiet": True,
        "via": "webhook:ops",
        "bare": True,
        "words": ["title", "text"],
        "card_created": True,
        "card_content": "abc",
        "template": "t",
        "template_error": "unpublished",
    }
    assert DeliveryPayload.of(make_job(payload=payload.as_json())) == payload
    assert DeliveryPayload(destination=GROUP).as_json() == {"version": 1, "destination": "group:cidA"}


def test_the_result_that_is_stored_keeps_its_names() -> None:
    result = DeliveryResult(
        message_id="m",
        silent=True,
        card_id="c",
        exports=("e",),
        digest="d",
        fallback_reason="no cards",
        skipped="muted",
        parts=3,
        link=True,
        template="t",
    )
    assert result.as_json() == {
        "message_id": "m",
        "silent": True,
        "card_id": "c",
        "exports": ["e"],
        "digest": "d",
        "fell": "no cards",
        "skipped": "muted",
        "parts": 3,
        "link": True,
        "template": "t",
    }
    assert DeliveryResult.of(make_job(result=result.as_json())) == result
    assert DeliveryResult().as_json() == {}


def test_only_the_request_that_caused_a_resend_is_its_cause() -> None:
    again = DeliveryPayload(destination=GROUP).for_resend("file:1", "user01", "msg1")
    assert (again.is_resend_for("msg1"), again.is_resend_for("msg2")) == (True, False)
    asked = DeliveryPayload(destination=GROUP, asked=True, cause="msg1")
    assert (asked.is_resend_for("msg1"), asked.requested_by_person) == (False, True)
    assert not DeliveryPayload(destination=GROUP).requested_by_person
