"""`帮助` / `help`: list what the person may do here."""

from collections.abc import Iterator, Sequence

from bot.chat.access import Access
from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Command, Router
from bot.models import MarkdownMessage

_HELP_ORDER = (Permission.VIEW, Permission.OPERATE, Permission.ADMIN, Permission.IDENTIFY)


def build_router(others: Sequence[Router]) -> Router:
    """Build the router of help, which lists the commands of the other routers and its own."""
    router = Router()

    @router.command(
        "帮助",
        "help",
        "?",
        permission=Permission.IDENTIFY,
        zh="显示能用的命令",
        en="list what you can do here",
    )
    async def help(ctx: Context, request: CommandRequest) -> MarkdownMessage:
        commands = [command for each in (*others, router) for command in each.commands]
        return ctx.cards.reply(
            "help",
            role=request.access.role.value,
            sections=[
                {"permission": permission.value, "commands": describe(allowed, ctx.cards.lang)}
                for permission, allowed in allowed_commands(commands, request.access)
            ],
        )

    return router


def allowed_commands(
    commands: Sequence[Command], access: Access
) -> Iterator[tuple[Permission, Sequence[Command]]]:
    """Yield the commands that a person may use here, by the permission that they need."""
    for permission in _HELP_ORDER:
        found = [command for command in commands if command.permission is permission]
        if found and access.allows(permission):
            yield permission, found


def describe(commands: Sequence[Command], lang: str) -> list[dict[str, object]]:
    """Return the commands as the help text shows them."""
    return [
        {"words": command.words, "usage": command.argument[lang], "summary": command.summary[lang]}
        for command in commands
    ]
