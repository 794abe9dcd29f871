"""Process a message: find the command, check the permission, run it, and explain errors."""

import logging

from bot.chat.access import Access
from bot.chat.context import Context
from bot.chat.permissions import AccessPolicy, Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Router
from bot.errors import DingRunError, PermanentError, UserError
from bot.models import MarkdownMessage, Message

log = logging.getLogger(__name__)


class MessageProcessor:
    """Answers messages."""

    def __init__(self, context: Context, *, router: Router, policy: AccessPolicy) -> None:
        self._context = context
        self._router = router
        self._policy = policy

    async def respond(self, message: Message) -> MarkdownMessage:
        """Return the answer to a message. Only errors that end by themselves are raised."""
        cards = self._context.cards
        try:
            return await self._run_command(message)
        except UserError as error:
            return await self._explain(message, error)
        except PermanentError as error:
            log.warning("message %s failed: %s", message.id, error)
            return cards.reply("failed", id=message.id)
        except DingRunError:
            raise  # the job is retried
        except Exception:  # a bug of ours must not leave a person without an answer
            log.exception("message %s failed because of a bug", message.id)
            return cards.reply("failed", id=message.id)

    async def _explain(self, message: Message, error: UserError) -> MarkdownMessage:
        """Say why a request was refused, and remember what it may have meant."""
        listed = error.values.get("listed")
        if isinstance(listed, list):
            await self._context.users.lists.remember(message, listed)
        return self._context.cards.reply(error.phrase, **error.values)

    async def _run_command(self, message: Message) -> MarkdownMessage:
        if not message.sender.id:
            raise UserError("outsider")
        access = Access(person=message.sender, conversation_id=message.conversation_id, policy=self._policy)
        match = self._router.match(message.text)
        access.ensure(match[0].permission if match else Permission.VIEW)
        if match is None:
            raise UserError("unknown", text=message.text, nearest=self._router.nearest(message.text))
        command, argument = match
        argument = await self._context.users.lists.resolve(message, argument)
        request = CommandRequest(message=message, argument=argument, access=access)
        return await command.handler(self._context, request)
