"""`帮助` / `help`: everything one can say."""

from bot.chat.context import Context
from bot.chat.permissions import Permission
from bot.chat.router import Router
from bot.models import MarkdownMessage, Message

router = Router()


@router.command("帮助", "help", "?", permission=Permission.VIEW, zh="显示这些命令", en="show these commands")
async def help(ctx: Context, message: Message, name: str) -> MarkdownMessage:
    return ctx.cards.reply("help", commands=ctx.commands)
