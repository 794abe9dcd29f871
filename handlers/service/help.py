"""`帮助` / `help`: list what the person may do here."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.chat.access import Access
from bot.chat.context import Context
from bot.chat.language.normalize import fold
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Command, Router, Synonyms
from bot.models import MarkdownMessage

_HELP_ORDER = (Permission.VIEW, Permission.OPERATE, Permission.ADMIN, Permission.IDENTIFY)
OFFERED = frozenset({"状态", "计划", "最近报告", "历史", "我是谁"})
"""Commands that are offered as buttons: those that only show something."""

SUGGESTED = frozenset({"状态", "计划", "最近报告", "重跑", "我是谁"})
"""Commands that the answer to a greeting names."""
GREETINGS = re.compile(
    r"(你好|您好)[呀啊]?|嗨|哈喽|哈啰|早|早安|(早上|上午|下午|晚上)好|在吗|在不在|有人吗"
    r"|hello|hi|hey|good ?morning"
)
PUNCTUATION = " ,:。.!~?"

SYNONYMS = Synonyms(
    also=(
        "菜单 | 你好 | 您好 | 你好呀 | 你好啊 | hello | hi | hey | 在吗 | 在不在 | 会干啥 | 会干什么 | "
        "会干嘛 | 会做什么 | 会做啥 | 会啥 | 能干啥 | 能干嘛 | 能做啥 | 有什么功能 | 有啥功能 | "
        "有哪些功能 | 有哪些命令 | how do i use | how can i use | help me with | help with | 你会什么 | "
        "会什么 | 你会啥 | 你能做什么 | 你能干什么 | 你能干嘛 | 能做什么 | 能干什么 | 帮我做什么 | "
        "做什么 | 怎么用 | 咋用 | 怎么玩 | help me | how does this work | 怎么使用 | 怎么操作 | "
        "如何操作 | 咋操作 | 如何使用 | 使用说明 | 用法 | 说明 | 说明书 | 功能 | 功能列表 | 指令 | "
        "指令列表 | 命令 | 命令列表 | 嗨 | 哈喽 | 哈啰 | 早 | 早上好 | 上午好 | 下午好 | 晚上好 | 早安 | "
        "有人吗 | 介绍一下 | commands | menu | what can you do | usage | how to use | good morning"
    ),
)


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
        synonyms=SYNONYMS,
    )
    async def help(ctx: Context, request: CommandRequest) -> MarkdownMessage:
        if GREETINGS.fullmatch(fold(request.message.text).strip(PUNCTUATION)):
            return _greeting(ctx, request, (*others, router))
        commands = [command for each in (*others, router) for command in each.commands]
        sections = list(allowed_commands(commands, request.access))
        answer = ctx.cards.reply(
            "help",
            role=request.access.role.value,
            sections=[
                {"permission": permission.value, "commands": describe(allowed, ctx.cards.lang)}
                for permission, allowed in sections
            ],
        )
        offered = [each for _, allowed in sections for each in allowed if each.words[0] in OFFERED]
        return replace(answer, suggestions=tuple(each.word(ctx.cards.lang) for each in offered))

    return router


def _greeting(ctx: Context, request: CommandRequest, routers: Sequence[Router]) -> MarkdownMessage:
    """Return a short answer: whoever says hello in a group did not ask for a list."""
    commands = [command for each in routers for command in each.commands]
    allowed = [each for _, some in allowed_commands(commands, request.access) for each in some]
    words = [each.word(ctx.cards.lang) for each in allowed if each.words[0] in SUGGESTED]
    answer = ctx.cards.reply("greeting", name=request.message.sender.name, words=words)
    return replace(answer, suggestions=(*words, *(["help"] if ctx.cards.lang == "en" else ["帮助"])))


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
