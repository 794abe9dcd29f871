"""`我是谁` / `whoami`: show the own ids and role, in a form that fits into config.yaml."""

from bot.chat.context import Context, reply_destination
from bot.chat.permissions import Grant, Permission, Role
from bot.chat.requests import CommandRequest
from bot.chat.router import Router, Synonyms
from bot.models import MarkdownMessage

router = Router()

SYNONYMS = Synonyms(
    also=(
        "我的id | 我的工号 | 我的编号 | 我的staffid | 我的账号 | 我的身份 | 我的角色 | 我是什么角色 | "
        "我是啥角色 | 我什么权限 | 我能干啥 | 我能做什么 | 我的权限 | 我有什么权限 | 我有啥权限 | "
        "我有哪些权限 | 工号 | staffid | my id | my staffid | my staff id | my role | my permissions"
    ),
)


@router.command(
    "我是谁",
    "whoami",
    "who am i",
    synonyms=SYNONYMS,
    permission=Permission.IDENTIFY,
    zh="查看自己的 staffId、这个会话的 ID 和自己的角色",
    en="show your staffId, the ID of this conversation, and your role",
)
async def whoami(ctx: Context, request: CommandRequest) -> MarkdownMessage:
    message, access = request.message, request.access
    return ctx.cards.reply(
        "whoami",
        name=str(message.sender),
        staff_id=message.sender.id,
        organization=message.corp_id,
        group=message.group,
        title=message.title,
        conversation=message.conversation_id,
        destination=str(reply_destination(message)),
        role=access.role.value,
        is_open=access.is_open,
        viewers_listed=bool(access.policy.viewers),
        grants=[_item(grant) for grant in access.grants()],
        missing=access.line(Role.ADMIN if access.role is Role.ADMIN else Role.OPERATOR),
    )


def _item(grant: Grant) -> dict[str, object]:
    return {"role": grant.role.value, "source": grant.source, "schedules": grant.schedules}
