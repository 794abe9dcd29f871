"""The routes of a summary, and the payloads that store them."""

import pytest

from bot.delivery.payload import DeliveryPayload, DeliveryResult
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
        destination=GROUP, route=Route.DIGEST, digest="d", via=ROBOT, withheld=True, part=2, card_created=True
    )
    again = first.for_resend("file:1", "user01")
    assert (again.route, again.digest, again.via, again.withheld) == (None, "", None, False)
    assert (again.part, again.card_created, again.target) == (2, True, GROUP)
    assert again.requested_by_person
