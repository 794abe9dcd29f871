"""Find out who sent a message or tapped a card, and what that person may do.

A card can be forwarded to anybody, and a tap carries nothing but ids (0003, card tutorial: `userId` and
`corpId`). Ids of people outside the organization can have any value.
"""

from bot.chat.access import Access
from bot.chat.context import Context
from bot.chat.permissions import AccessPolicy, Permission, Requester
from bot.errors import Refused
from bot.models import CardTap, Message, Run


class AccessControl:
    """Gives each message and each tap the access of its person."""

    def __init__(self, context: Context, policy: AccessPolicy) -> None:
        self._context = context
        self._policy = policy

    async def of_message(self, message: Message, permission: Permission = Permission.IDENTIFY) -> Access:
        """Return the access for a command that needs this permission."""
        requester = Requester(
            person=message.sender,
            conversation_id=message.conversation_id,
            group=message.group,
            app=message.app,
            aliases=await self._aliases(message.conversation_id) if message.group else (),
            foreign=message.is_foreign,
        )
        return Access(requester=requester, policy=self._policy, permission=permission)

    async def of_tap(self, tap: CardTap, run: Run, permission: Permission) -> Access:
        """Return the access for a button that needs this permission.

        Raises:
            Refused: DingRun never sent this card.
        """
        destination = await self._context.delivery.requests.card_destination(run.id, tap.card_id)
        if destination is None:
            raise Refused("card_unknown", rule="unknown_card")
        aliases = await self._aliases(tap.conversation_id) if destination.is_group else ()
        here = {tap.conversation_id, *aliases} if destination.is_group else {tap.user.id}
        requester = Requester(
            person=tap.user,
            conversation_id=tap.conversation_id,
            group=destination.is_group,
            app=tap.app,
            foreign=await self._is_foreign(tap),
            aliases=aliases,
            forwarded=destination.id not in here,
        )
        return Access(requester=requester, policy=self._policy, permission=permission)

    async def accept_tap(self, tap: CardTap, run: Run, permission: Permission) -> Access:
        """Accept a tap by a known member who has the permission, on a card where DingRun sent it.

        A member is known by a message, which carries the staffId, or because the settings name the staffId.

        Raises:
            Refused: The person may not do this, or DingRun never sent this card.
        """
        access = await self.of_tap(tap, run, permission)
        known = self._policy.lists(tap.user.id) or await self._context.people.users.is_known(tap.user.id)
        if known or not access.lacks_role(run):  # nobody is told to give a role to a stranger
            access.ensure_run(run)
        if not known:
            raise Refused("not_met", rule="never_spoke")
        return access

    async def _aliases(self, conversation_id: str) -> tuple[str, ...]:
        return await self._context.people.groups.aliases(conversation_id)

    async def _is_foreign(self, tap: CardTap) -> bool:
        """Return whether a tap comes from another organization; unknown until somebody has sent a message."""
        own = await self._context.people.users.find_corp_id(tap.app)
        return bool(own) and tap.corp_id != own
