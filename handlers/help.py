"""`帮助` / `help`: everything one can say."""

from bot.access import Act
from bot.context import Context
from bot.models import Message, Note
from bot.router import Router

router = Router()


@router.command("帮助", "help", "?", act=Act.VIEW, zh="显示这些命令", en="show these commands")
async def help(ctx: Context, message: Message, name: str) -> Note:
    return ctx.cards.say("help", commands=ctx.commands)
