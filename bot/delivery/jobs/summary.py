"""The steps that the jobs `card` and `note` share.

The route is chosen once and stored in the job before anything is sent, so that a retry never takes another
route while the first attempt may have arrived.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.delivery.circuit_breaker import DeliveryMode
from bot.delivery.digests import DigestMissedError, DigestUnconfirmedError, digest_id
from bot.delivery.payload import DeliveryPayload, Obstacle, update_payload
from bot.delivery.plan import MAX_EXPORT_WAIT
from bot.delivery.recipients import is_notified, recipients, refuses_report, sends_file, wants_changes
from bot.delivery.routing import Route, RoutingSnapshot, choose_route
from bot.delivery.services import DeliveryServices
from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.jobs.queue import Claim, Postpone, Result
from bot.models import Destination, ExportStatus, Report, Run
from bot.quota.budget import QuotaLevel
from bot.telemetry.rescues import Rescue, count_rescue
from cards.summary import CardState, Withheld


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A run to be summarized, the payload with its route, and the snapshot that the route was chosen from."""

    run: Run
    payload: DeliveryPayload
    snapshot: RoutingSnapshot


class NotNotifiedError(Exception):
    """This destination is not notified of the run; the message says why."""


async def prepare_summary(services: DeliveryServices, claim: Claim) -> Summary:
    """Wait for the run and its report, then choose and store the route.

    Raises:
    - `Postpone` while the run is running, while its report is exported (up to `MAX_EXPORT_WAIT` after the end
      of the run, or until it is known whether anything has changed), and while the month's quota is used up.
    - `NotNotifiedError` when nothing has changed (`notify_on: change`), or another bot has muted the run.
    """
    run = await services.find_ended_run(claim.job)
    _ensure_notified(run, DeliveryPayload.of(claim.job), services.jobs.clock())
    wait_for_report(services, run)
    payload = DeliveryPayload.of(claim.job)
    snapshot = await services.quota_snapshot(payload.destination)
    if payload.route is not None or payload.via is not None:
        payload = replace(payload, route=payload.route or Route.DIRECT)
        return Summary(run=run, payload=payload, snapshot=snapshot)
    quiet_until = _quiet_until(services, run, payload)
    snapshot = await _complete_snapshot(
        services, payload.destination, replace(snapshot, quiet_until=quiet_until)
    )
    route = choose_route(snapshot)
    if route is None:
        raise Postpone(services.governor.next_check_at())
    digest = await _choose_digest(services, payload.destination, snapshot) if route is Route.DIGEST else ""
    quiet = route is Route.DIGEST and quiet_until is not None
    payload = await update_payload(claim, route=route, digest=digest, quiet=quiet)
    return Summary(run=run, payload=payload, snapshot=snapshot)


def wait_for_report(services: DeliveryServices, run: Run) -> None:
    """Raise `Postpone` while the report of an ended run is exported, up to `MAX_EXPORT_WAIT`."""
    deadline = (run.end_time or run.start_time) + MAX_EXPORT_WAIT
    exporting = run.export_status in {ExportStatus.PENDING, ExportStatus.RUNNING}
    if exporting and services.jobs.clock() < deadline:
        raise Postpone(deadline)


def _ensure_notified(run: Run, payload: DeliveryPayload, now: datetime) -> None:
    """Raise when this destination is not notified, or not yet. A summary that has a route is."""
    if payload.route is not None or payload.via is not None or payload.requested_by_person:
        return
    if run.muted and payload.destination not in recipients(run):
        raise NotNotifiedError(Obstacle.MUTED)
    notified = is_notified(run, payload.destination)
    if notified is None:
        raise Postpone(now + MAX_EXPORT_WAIT)
    if not notified and wants_changes(run, payload.destination):
        raise NotNotifiedError(Obstacle.UNCHANGED)


def _quiet_until(services: DeliveryServices, run: Run, payload: DeliveryPayload) -> datetime | None:
    """Return the end of the quiet hours that a summary waits for, or None if it is sent now."""
    if services.quiet_hours is None or payload.requested_by_person:
        return None
    return services.quiet_hours.wait_until(run, payload.destination, services.jobs.clock())


async def _complete_snapshot(
    services: DeliveryServices, destination: Destination, snapshot: RoutingSnapshot
) -> RoutingSnapshot:
    """Add the burst limit, of which this takes a slot, and the circuit breaker. Not needed for a digest."""
    if snapshot.silent or snapshot.quiet_until or snapshot.quota in {QuotaLevel.DIGEST, QuotaLevel.SPENT}:
        return snapshot
    target = _direct_target(services, destination, snapshot)
    slot = await services.governor.try_acquire_card_slot(target)
    shows_cards = services.channels.capabilities(destination).cards
    accepted = not shows_cards or await services.circuit_breaker.is_closed(DeliveryMode.CARD, destination)
    return replace(snapshot, slot=slot, cards_accepted=accepted)


def _direct_target(
    services: DeliveryServices, destination: Destination, snapshot: RoutingSnapshot
) -> Destination:
    """Return where the summary goes without a digest: the destination, or its fallback webhook."""
    webhook = services.channels.fallback_webhook(destination)
    return webhook if webhook and snapshot.quota is QuotaLevel.WEBHOOK else destination


async def _choose_digest(
    services: DeliveryServices, destination: Destination, snapshot: RoutingSnapshot
) -> str:
    """Return the id of the digest that is open for the destination, or of a new one.

    In quiet hours it is the one at their end. What does not wait for it is in a digest of its own.
    """
    target, now = _direct_target(services, destination, snapshot), services.jobs.clock()
    quiet_end = services.quiet_hours.end_after(now) if services.quiet_hours else None
    if snapshot.quiet_until:
        return digest_id(target, snapshot.quiet_until)
    open_digest = await services.digests.find_open(target, other_than=quiet_end)
    if open_digest:
        return open_digest
    level = snapshot.quota
    if level is QuotaLevel.WEBHOOK:
        level = await services.governor.level(target)
    return digest_id(target, await services.governor.digest_due(target, level))


async def join_digest(services: DeliveryServices, claim: Claim, digest: str) -> Result:
    """Return the outcome of the digest. Raises `Postpone` until it is sent, and to choose another one."""
    quiet = DeliveryPayload.of(claim.job).quiet
    try:
        return await services.digests.outcome(digest, claim.job.id, quiet=quiet)
    except DigestMissedError:
        count_rescue(Rescue.DIGEST_MISSED)
        await update_payload(claim, route=None, digest="", quiet=False)
        raise Postpone(services.jobs.clock()) from None
    except DigestUnconfirmedError as error:
        await claim.mark_sending()
        raise TemporaryError(str(error), uncertain=True) from None


async def build_card_state(
    services: DeliveryServices, summary: Summary, report: Report | None, *, key: str
) -> CardState:
    """Tell why the file is withheld, if it is, and give a link in place of a file that is not sent.

    `key` is the idempotency key of the link.
    """
    takes_files = services.channels.capabilities(summary.payload.target).files
    withheld = _why_withheld(summary, takes_files=takes_files)
    link = None
    if report and withheld is not Withheld.NEVER and (withheld or not takes_files):
        link = await services.report_sender.link_for(report, cause=key)
    return CardState(withheld=withheld, link=link, linked=link is not None)


def _why_withheld(summary: Summary, *, takes_files: bool) -> Withheld | None:
    """Return why the file is not sent. A channel without files has its link instead."""
    run, destination = summary.run, summary.payload.destination
    if refuses_report(run, destination):
        return Withheld.NEVER
    if not takes_files:
        return None
    if not sends_file(run, destination):
        return Withheld.ON_REQUEST
    return Withheld.QUOTA if summary.snapshot.withholds_files else None


def is_content_error(error: DingRunError) -> bool:
    """Return whether the text of this one message was rejected, and not the channel."""
    return isinstance(error, PermanentError) and error.content


def is_setup_error(error: DingRunError) -> bool:
    """Return whether nothing reaches the destination until somebody changes its set-up."""
    return isinstance(error, PermanentError) and bool(error.setup_fault)
