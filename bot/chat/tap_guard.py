"""Decide whose taps count: a card can be forwarded to anybody, and a tap carries nothing but ids.

0003 (card tutorial): `userId` and `corpId`. Ids of people outside the organisation can have any value.
"""

from bot.chat.context import Context
from bot.chat.permissions import AccessPolicy, Permission, is_allowed
from bot.errors import UserError
from bot.models import CardTap, Run


async def check_tap(
    ctx: Context, tap: CardTap, run: Run, permission: Permission, policy: AccessPolicy
) -> None:
    """Accept a tap by a known member of our organisation, on a card that DingRun sent.

    A member is known by a message, which carries the staffId, or because the settings name the staffId.

    Raises:
        UserError: The tap does not count; its phrase says why.
    """
    if not await ctx.delivery.requests.issued(run.id, tap.card_id):
        raise UserError("card_unknown")
    if not tap.user.id or await _is_foreign(ctx, tap):
        raise UserError("outsider")
    if not is_allowed(tap.user, tap.conversation_id, permission, policy):
        raise UserError("denied", name=str(tap.user))
    if not policy.lists(tap.user.id) and not await ctx.users.is_known(tap.user.id):
        raise UserError("not_met")


async def _is_foreign(ctx: Context, tap: CardTap) -> bool:
    """Return whether the tap comes from another organisation; unknown until somebody has sent a message."""
    own = await ctx.users.find_corp_id(tap.app)
    return bool(own) and tap.corp_id != own
