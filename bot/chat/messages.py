"""Process a message: find the command, check the permission, run it, and explain errors."""

import logging
import re
from dataclasses import replace
from typing import NoReturn

from bot.audit.request import finish_entry, note_command
from bot.chat.access_control import AccessControl
from bot.chat.context import Context
from bot.chat.dialogue.interpreter import Interpreter, Wish
from bot.chat.language.decisions import Answer
from bot.chat.language.normalize import fold
from bot.chat.language.vocabulary import Takes
from bot.chat.pending_answers import CANCELLATIONS, CONFIRMATIONS, Pending, PendingKind
from bot.chat.permissions import AccessPolicy, Permission
from bot.chat.refusals import record_refusal
from bot.chat.requests import CommandRequest
from bot.chat.router import Command, Router
from bot.errors import ConfirmationNeeded, DingRunError, PermanentError, Refused, UserError
from bot.models import AuditOutcome, MarkdownMessage, Message, MessageKind

log = logging.getLogger(__name__)


_TALK = {Answer.SMALLTALK: "smalltalk", Answer.FORBIDDEN: "nothing_done"}
_WITHOUT_ACT = {Answer.SMALLTALK, Answer.FORBIDDEN, Answer.UNKNOWN}
_WITH_TEXT = {MessageKind.TEXT, MessageKind.RICH_TEXT}
_THANKS = re.compile(r"谢|thank|\bthx\b|\bty\b")
PUNCTUATION = " ,:。.!~"


class MessageProcessor:
    """Answers messages."""

    def __init__(self, context: Context, *, router: Router, policy: AccessPolicy) -> None:
        self._context = context
        self._router = router
        self._access = AccessControl(context, policy)
        self._interpreter = Interpreter(context, router)

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
        access = await self._access.of_message(message)
        access.ensure(Permission.IDENTIFY)
        request = CommandRequest(message=message, access=access)
        reply = await self._reply_to_question(request)
        return reply if reply is not None else await self._carry_out(request)

    async def _reply_to_question(self, request: CommandRequest) -> MarkdownMessage | None:
        """Carry out what a reply such as `2` or `确认` stands for. Returns None for any other message."""
        pending = await self._context.people.answers.find(request.message)
        command = self._router.find(pending.command) if pending else None
        if pending is None or command is None:
            return None
        said = fold(request.message.text).strip(PUNCTUATION)
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
        await self._context.people.answers.close(request.message, pending)
        if said in CANCELLATIONS or (said.isdecimal() and said not in CONFIRMATIONS):
            return self._context.cards.reply("cancelled")
        if said not in CONFIRMATIONS:
            return None
        asked = replace(request.message, id=pending.message_id)  # confirming twice is asking once
        (argument,) = pending.arguments
        return await self._run(command, replace(request, message=asked, argument=argument, confirmed=True))

    async def _carry_out(self, request: CommandRequest) -> MarkdownMessage:
        """Do, ask or answer what a message means. The permission comes before any question."""
        wish = await self._interpreter.interpret(request)
        command = wish.command
        if command is None or wish.answer in _WITHOUT_ACT:
            request.access.ensure(Permission.IDENTIFY)
            return self._talk(wish, request)
        return await self._run(command, replace(request, argument=wish.argument), wish)

    def _talk(self, wish: Wish, request: CommandRequest) -> MarkdownMessage:
        """Answer what is no command, or one that is told, asked about or forbidden."""
        if wish.answer in _TALK:
            return self._context.cards.reply(
                _TALK[wish.answer], thanked=bool(_THANKS.search(fold(request.message.text)))
            )
        if wish.command is None and wish.interpretation.number and not wish.interpretation.claimed:
            raise UserError("no_such_number", number=wish.interpretation.number)
        if not request.message.text and request.message.kind not in _WITH_TEXT:
            raise UserError("no_text", kind=request.message.kind.value)
        suggestion = wish.interpretation.suggestion
        raise UserError("unknown", text=request.message.text, nearest=suggestion)

    async def _made_clear(self, wish: Wish, command: Command, request: CommandRequest) -> CommandRequest:
        """Return the request with what it names.

        Raises:
            UserError: It could mean several schedules, or one that does not exist.
            ConfirmationNeeded: It is not clear enough to act.
        """
        found, argument, title = wish.interpretation, wish.argument, wish.title
        if found.answer is Answer.WHICH:
            raise self._offer(wish)
        if found.answer is Answer.NO_SUCH and command.takes is Takes.RUN:
            raise UserError("no_such_run", run=found.claimed)
        if found.answer is Answer.NO_SUCH:
            schedule = await self._context.find_schedule(request, found.claimed)
            argument, title = schedule.id, schedule.name
        elif found.answer is not Answer.ASK:
            return request
        if command.language.acts:
            await self._ask_back(command, request, argument, title)
        return replace(request, argument=argument)

    def _offer(self, wish: Wish) -> UserError:
        """Offer the schedules that may be meant. A number repeats the command with what follows the name."""
        found, schedules = wish.interpretation, self._context.schedules
        each_one = not found.keys and wish.schedules
        error = (schedules.one_at_a_time if each_one else schedules.ambiguous)(wish.schedules)
        listed = error.values.get("listed")
        if isinstance(listed, list) and found.text:
            error.values["listed"] = [f"{key} {found.text}" for key in listed]
        return error

    async def _ask_back(
        self, command: Command, request: CommandRequest, argument: str, title: str
    ) -> NoReturn:
        """Ask whether a command is meant, unless the person may not use it."""
        if not argument:
            argument, title = await self._interpreter.default(command, request)
        elif (
            command.takes is Takes.SCHEDULE
            and command.name != "stop"
            and not await self._context.find_run(request, argument)
        ):
            await self._context.find_schedule(request, argument)  # refuses who may not do this to it
        word = command.word(self._context.cards.lang)
        raise ConfirmationNeeded("confirm_command", argument=argument, word=word, name=title)

    async def _run(
        self, command: Command, request: CommandRequest, wish: Wish | None = None
    ) -> MarkdownMessage:
        """Run a command, once its wish is clear. Remember what is asked, so that the next message answers."""
        note_command(command.words[0])
        request = replace(request, access=replace(request.access, permission=command.permission))
        request.access.ensure(command.permission)
        answers, word = self._context.people.answers, command.words[0]
        try:
            if wish:
                request = await self._made_clear(wish, command, request)
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
