"""Whose presses count: a card can be forwarded to anybody, and a press tells no more than an id.

0003 (card tutorial): `userId` and `corpId`; of people outside the organisation the id may be any.
"""

from bot.chat.context import Context
from bot.chat.permissions import AccessPolicy, Permission, is_allowed
from bot.errors import UserError
from bot.models import CardTap, Run


async def admit_tap(ctx: Context, tap: CardTap, run: Run, act: Permission, rules: AccessPolicy) -> None:
    """Raise `UserError` unless a known member of our organisation pressed a card that we issued.

    A member is known by a message, which tells the staffId, or because the settings name it.
    """
    if not await ctx.delivery.issued(run.id, tap.card_id):
        raise UserError("card_unknown")
    if not tap.user.id or await _is_foreign(ctx, tap):
        raise UserError("outsider")
    if not is_allowed(tap.user, tap.conversation_id, act, rules):
        raise UserError("denied", name=str(tap.user))
    if not rules.lists(tap.user.id) and not await ctx.users.is_known(tap.user.id):
        raise UserError("not_met")


async def _is_foreign(ctx: Context, tap: CardTap) -> bool:
    """Whether the id is one of another organisation; nobody can tell before the robot was spoken to."""
    own = await ctx.users.corp_of(tap.app)
    return bool(own) and tap.corp_id != own
