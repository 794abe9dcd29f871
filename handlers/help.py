"""`帮助` / `help`: list all commands."""

from collections.abc import Sequence

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Command, Router
from bot.models import MarkdownMessage


def build_router(others: Sequence[Router]) -> Router:
    """Build the router of help, which lists the commands of the other routers and its own."""
    router = Router()

    @router.command(
        "帮助", "help", "?", permission=Permission.VIEW, zh="显示全部命令", en="list all commands"
    )
    async def help(ctx: Context, request: CommandRequest) -> MarkdownMessage:
        commands = [command for each in (*others, router) for command in each.commands]
        return ctx.cards.reply("help", commands=describe(commands, ctx.cards.lang))

    return router


def describe(commands: Sequence[Command], lang: str) -> list[dict[str, object]]:
    """Return the commands as the help text shows them."""
    return [
        {"words": command.words, "usage": command.argument[lang], "summary": command.summary[lang]}
        for command in commands
    ]
