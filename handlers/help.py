"""`帮助` / `help`: everything one can say."""

from bot.chat.context import Context
from bot.chat.permissions import Act
from bot.chat.router import Router
from bot.models import Message, Note

router = Router()


@router.command("帮助", "help", "?", act=Act.VIEW, zh="显示这些命令", en="show these commands")
async def help(ctx: Context, message: Message, name: str) -> Note:
    return ctx.cards.say("help", commands=ctx.commands)
