"""`审计 [计划|人]` / `audit [schedule|person]`: show who asked for what, newest first. A number shows one."""

from collections.abc import Callable, Sequence

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Command, Router
from bot.models import AuditEntry, MarkdownMessage

MAX_ENTRIES_SHOWN = 10  # a phone shows three or four at once


def build_router(commands: Callable[[], Sequence[Command]]) -> Router:
    """Build the router of the audit, which shows all commands in the configured language."""
    router = Router()

    @router.command(
        "审计",
        "audit",
        permission=Permission.ADMIN,
        argument={"zh-CN": "[计划或人]", "en": "[schedule or person]"},
        zh="查看谁要求了什么，结果如何",
        en="show who asked for what, and what came of it",
    )
    async def audit(ctx: Context, request: CommandRequest) -> MarkdownMessage:
        name, words = request.argument, {}
        if ctx.cards.lang == "en":  # the audit has the first word of each command
            words = {command.words[0]: command.name for command in commands()}
        if entry := await ctx.audit.find_entry(name) if name else None:
            return ctx.cards.reply("audit_entry", entry=entry, words=words)
        entries = await _entries_about(ctx, request)
        await ctx.people.answers.remember_list(
            request.message, [entry.id for entry in entries], command="审计"
        )
        return ctx.cards.reply("audit", name=name, entries=entries, words=words)

    return router


async def _entries_about(ctx: Context, request: CommandRequest) -> Sequence[AuditEntry]:
    """Return the newest entries of a person or a schedule, or of everything without a name.

    Raises:
        UserError: Nobody and no schedule has this name, or a part of the name means several schedules.
    """
    name = request.argument
    if not name:
        return await ctx.audit.find(limit=MAX_ENTRIES_SHOWN)
    if entries := await ctx.audit.find(actor=name, limit=MAX_ENTRIES_SHOWN):
        return entries
    if named := await ctx.audit.find(schedule=name, limit=1):  # also one that is gone by now
        return await ctx.audit.find(schedule=named[0].schedule_id or name, limit=MAX_ENTRIES_SHOWN)
    schedule = await ctx.find_schedule(request, name)
    return await ctx.audit.find(schedule=schedule.id, limit=MAX_ENTRIES_SHOWN)
