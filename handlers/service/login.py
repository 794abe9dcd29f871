"""`登录` / `login`: get a one-time link to the web pages. `登出` / `logout`: end all sessions.

A group sees every answer, so the link is given in the one-to-one chat only.
"""

from bot.chat.context import Context, request_key
from bot.chat.permissions import Permission
from bot.chat.requests import CommandRequest
from bot.chat.router import Router
from bot.errors import UserError
from bot.models import MarkdownMessage
from cards.escaping import Markup

router = Router()


@router.command(
    "登录",
    "login",
    "网页",
    permission=Permission.VIEW,
    zh="单聊里给你一个打开网页的一次性链接",
    en="get a one-time link to the web pages, in the one-to-one chat",
)
async def login(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    if not ctx.people.logins.public_url:
        raise UserError("login_no_pages")
    if request.message.group:
        raise UserError("login_in_private")
    link = await ctx.people.logins.issue_link(request.message.sender, request_key(request.message))
    return ctx.cards.reply("login_link", url=Markup(link.url), until=link.expires_at)


@router.command(
    "登出",
    "logout",
    "退出登录",
    permission=Permission.IDENTIFY,
    zh="结束你在所有浏览器里的登录",
    en="end your logins in all browsers",
)
async def logout(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    return ctx.cards.reply("logout_done", count=await ctx.people.logins.end_all(request.message.sender))
