"""Ask for a confirmation or a second person before a protected schedule is started or stopped."""

from bot.chat.context import Context, outcome_destination
from bot.chat.requests import CommandRequest, TapRequest
from bot.chat.superseded import ensure_newest
from bot.errors import ConfirmationNeeded, UserError
from bot.models import Person, Run, Schedule, Trigger
from bot.runs.approvals import Act, ApprovalRequest, Protection
from bot.runs.lifecycle import TriggerRequest


async def ensure_protected(
    ctx: Context, request: CommandRequest, schedule: Schedule, wanted: ApprovalRequest, *, argument: str
) -> None:
    """Accept a command on a schedule that is not protected, or that the person has confirmed.

    `argument` is that of the command that a confirmation repeats.

    Raises:
        ConfirmationNeeded: The person has to confirm it.
        UserError: It waits for a second person.
    """
    protection = ctx.guards.approvals.protection(schedule)
    if protection is Protection.TWO_PERSON:
        raise await ctx.guards.approvals.ask(schedule, wanted)
    if protection is Protection.CONFIRM and not request.confirmed:
        raise ConfirmationNeeded("confirm_protected", argument=argument, schedule=schedule.name)


async def ensure_tap_protected(ctx: Context, request: TapRequest, wanted: ApprovalRequest) -> None:
    """Accept a tap, as `ensure_protected` does a command. The tap of a second person agrees to the first one.

    Raises:
        ConfirmationNeeded: The person has to tap again.
        UserError: It waits for a second person.
    """
    schedule = request.run.schedule
    protection = ctx.guards.approvals.protection(schedule)
    if protection is Protection.CONFIRM and not request.confirmed:
        raise ConfirmationNeeded("tap_protected", schedule=schedule.name)
    if protection is not Protection.TWO_PERSON:
        return
    pending = await ctx.guards.approvals.find(schedule)
    if pending is None or pending.person.id == request.tap.user.id or pending.act is not wanted.act:
        raise await ctx.guards.approvals.ask(schedule, wanted)
    if not request.confirmed:
        raise ConfirmationNeeded(
            "tap_approve", schedule=schedule.name, by=str(pending.person), act=pending.act.value
        )


def start_request(trigger: TriggerRequest, person: Person) -> ApprovalRequest:
    """Return the request to start a run, as it waits for a second person."""
    return ApprovalRequest(
        act=Act.START,
        key=trigger.idempotency_key,
        person=person,
        trigger=trigger.trigger,
        asked_in=trigger.asked_in,
    )


def stop_request(run: Run, key: str, person: Person, trigger: Trigger) -> ApprovalRequest:
    """Return the request to stop a run, as it waits for a second person."""
    return ApprovalRequest(act=Act.STOP, key=key, person=person, trigger=trigger, run_id=run.id)


async def start_asked(
    ctx: Context, request: CommandRequest, schedule: Schedule, key: str, *, argument: str
) -> Run:
    """Start the run that a command asks for. `key` is the idempotency key of the run.

    Raises:
        UserError: It must be confirmed, waits for a second person, or somebody else has started it.
    """
    person = request.message.sender
    trigger = TriggerRequest(
        idempotency_key=key,
        trigger=Trigger.CHAT,
        asked_by=person,
        asked_in=outcome_destination(request.message),
    )
    await ctx.guards.starts.ensure_free(schedule, trigger)
    await ensure_protected(ctx, request, schedule, start_request(trigger, person), argument=argument)
    async with ctx.guards.starts.reserved(schedule, trigger):
        await ctx.quota.requests.charge(person)
        await ctx.guards.starts.supersede(schedule, trigger)
        return await ctx.runs.trigger(schedule, trigger)


async def reserve_tapped(ctx: Context, request: TapRequest, trigger: TriggerRequest) -> None:
    """Reserve the start that a tap asks for, or agrees to. So of two people who tap, the later one is told.

    Raises:
        UserError: It must be confirmed, waits for a second person, or somebody else has started it.
    """
    await ctx.guards.starts.ensure_free(request.run.schedule, trigger)
    await ensure_newest(ctx, request)
    await ensure_tap_protected(ctx, request, start_request(trigger, request.tap.user))
    schedule = request.run.schedule
    pending = await ctx.guards.approvals.find(schedule) if _takes_two(ctx, schedule) else None
    if pending:
        trigger = pending.trigger_request(request.tap.user)
    async with ctx.guards.starts.reserved(schedule, trigger):
        await ctx.quota.requests.charge(request.tap.user)


async def start_tapped(ctx: Context, request: TapRequest, trigger: TriggerRequest) -> None:
    """Start the run that a tap asks for, or agrees to, and show it on the card."""
    schedule = await ctx.schedule_of(request, request.run)
    if _takes_two(ctx, schedule):
        _, started = await approve(ctx, schedule, request.tap.user)
    else:
        started = await ctx.guards.starts.start(schedule, trigger)
    await ctx.delivery.requests.announce_rerun(request.run, started)


def _takes_two(ctx: Context, schedule: Schedule) -> bool:
    return ctx.guards.approvals.protection(schedule) is Protection.TWO_PERSON


async def approve(ctx: Context, schedule: Schedule, approver: Person) -> tuple[ApprovalRequest | None, Run]:
    """Carry out what waits for a second person. Returns the request, or None if it was carried out before.

    Raises:
        UserError: Nothing waits, the same person asked for it, or it is not possible any more.
    """
    pending = await ctx.guards.approvals.find(schedule)
    if pending is None:
        return None, await _approved_before(ctx, schedule, approver)
    if pending.person.id == approver.id:
        raise UserError("approve_self", schedule=schedule.name)
    if pending.act is Act.START:
        run = await ctx.guards.starts.start(schedule, pending.trigger_request(approver))
    else:
        found = await ctx.runs.find(pending.run_id)
        if found is None:
            raise UserError("nothing_running")
        await ctx.runs.stop(found, pending.person, approved_by=approver)
        run = found
    await ctx.guards.approvals.close(schedule, pending, approver)
    return pending, run


async def _approved_before(ctx: Context, schedule: Schedule, approver: Person) -> Run:
    """Return the run that this person has just agreed to, if the request is processed again after a crash."""
    newest = await ctx.runs.find_last(schedule.id)
    recent = newest is not None and ctx.clock() - newest.start_time < ctx.guards.approvals.ttl
    if newest and recent and newest.approved_by and newest.approved_by.id == approver.id:
        return newest
    raise UserError("nothing_to_approve", schedule=schedule.name)
