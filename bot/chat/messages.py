"""Process a message: find the command, check the permission, run it, and explain errors."""

import logging
from dataclasses import replace

from bot.audit.request import finish_entry, note_command
from bot.chat.access_control import AccessControl
from bot.chat.context import Context
from bot.chat.pending_answers import CANCELLATIONS, CONFIRMATIONS, Pending, PendingKind
from bot.chat.permissions import AccessPolicy, Permission
from bot.chat.refusals import record_refusal
from bot.chat.requests import CommandRequest
from bot.chat.router import PUNCTUATION, Command, Router, normalize
from bot.errors import ConfirmationNeeded, DingRunError, PermanentError, Refused, UserError
from bot.models import AuditOutcome, MarkdownMessage, Message

log = logging.getLogger(__name__)


class MessageProcessor:
    """Answers messages."""

    def __init__(self, context: Context, *, router: Router, policy: AccessPolicy) -> None:
        self._context = context
        self._router = router
        self._access = AccessControl(context, policy)

    async def respond(self, message: Message) -> MarkdownMessage:
        """Return the answer to a message. Only errors that end by themselves are raised."""
        cards = self._context.cards
        try:
            answer = await self._answer(message)
            await finish_entry(AuditOutcome.ACCEPTED)
            return answer  # noqa: TRY300 - an answer that cannot be recorded is not given
        except UserError as error:
            await record_refusal(error)
            answer = cards.reply(error.phrase, **error.values)
            return self._as_refusal(message, error, answer) if isinstance(error, Refused) else answer
        except PermanentError as error:
            log.warning("message %s failed: %s", message.id, error)
            await finish_entry(AuditOutcome.FAILED, str(error))
            return cards.reply("failed", id=message.id)
        except DingRunError:
            raise  # the job is retried
        except Exception as error:  # a bug of ours must not leave a person without an answer
            log.exception("message %s failed because of a bug", message.id)
            await finish_entry(AuditOutcome.FAILED, type(error).__name__)
            return cards.reply("failed", id=message.id)

    def _as_refusal(self, message: Message, error: Refused, answer: MarkdownMessage) -> MarkdownMessage:
        """Address a refusal to the sender, because a group sees every answer, and say what is missing."""
        if error.missing:
            line = self._context.cards.reply("access_line", missing=error.missing)
            answer = replace(answer, text=f"{answer.text}\n\n{line.text}")
        return replace(answer, mention=(message.sender.id,) if message.group and message.sender.id else ())

    async def _answer(self, message: Message) -> MarkdownMessage:
        access = self._access.of_message(message)
        access.ensure(Permission.IDENTIFY)
        request = CommandRequest(message=message, access=access)
        reply = await self._reply_to_question(request)
        return reply if reply is not None else await self._run_match(request)

    async def _reply_to_question(self, request: CommandRequest) -> MarkdownMessage | None:
        """Carry out what a reply such as `2` or `确认` stands for. Returns None for any other message."""
        pending = await self._context.answers.find(request.message)
        command = self._router.find(pending.command) if pending else None
        if pending is None or command is None:
            return None
        said = normalize(request.message.text).strip(PUNCTUATION)
        if pending.kind is PendingKind.CONFIRMATION:
            return await self._confirm(command, pending, request, said)
        argument = pending.argument(said)
        if argument is None:
            return None
        return await self._run(command, replace(request, argument=argument))

    async def _confirm(
        self, command: Command, pending: Pending, request: CommandRequest, said: str
    ) -> MarkdownMessage | None:
        """Carry out a command if this message confirms it. Only the next message can."""
        await self._context.answers.close(request.message, pending)
        if said in CANCELLATIONS:
            return self._context.cards.reply("cancelled")
        if said not in CONFIRMATIONS:
            return None
        asked = replace(request.message, id=pending.message_id)  # confirming twice is asking once
        (argument,) = pending.arguments
        return await self._run(command, replace(request, message=asked, argument=argument, confirmed=True))

    async def _run_match(self, request: CommandRequest) -> MarkdownMessage:
        message = request.message
        match = self._router.match(message.text)
        if match is None:
            raise UserError("unknown", text=message.text, nearest=self._router.nearest(message.text))
        command, argument = match
        argument = await self._context.answers.resolve(message, argument)
        return await self._run(command, replace(request, argument=argument))

    async def _run(self, command: Command, request: CommandRequest) -> MarkdownMessage:
        """Run a command. Remember what it asks, so that the next message can answer."""
        note_command(command.words[0])
        request = replace(request, access=replace(request.access, permission=command.permission))
        request.access.ensure(command.permission)
        answers, word = self._context.answers, command.words[0]
        try:
            return await command.handler(self._context, request)
        except ConfirmationNeeded as error:
            argument = request.argument if error.argument is None else error.argument
            await answers.ask_confirmation(request.message, argument, command=word)
            raise
        except UserError as error:
            listed = error.values.get("listed")
            if isinstance(listed, list):
                await answers.ask_which(request.message, listed, command=word)
            raise
