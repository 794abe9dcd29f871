"""Build policies from the settings: the budget, times, protection and access; and the renderer of cards."""

from datetime import timedelta
from functools import cache
from zoneinfo import ZoneInfo

from bot.chat.permissions import AccessPolicy, AccessRule, Role
from bot.config.loader import Settings
from bot.config.resolve import groups_in, groups_of_webhooks, people_in
from bot.models import QuotaKind
from bot.quota.budget import Budget
from bot.runs.approvals import Protection, ProtectionPolicy
from bot.runs.scheduler import MisfirePolicy, SchedulePolicy
from cards.card_template import CardTemplate
from cards.render import Cards
from handlers import router


def build_budget(settings: Settings) -> Budget:
    """Build the monthly budget of API calls and of Webhook & Stream calls."""
    quota = settings.quota
    return Budget(limits={QuotaKind.API: quota.api, QuotaKind.STREAM: quota.stream_webhook})


def build_schedule_policy(settings: Settings) -> SchedulePolicy:
    """Build the policy of time zones and misfires."""
    return SchedulePolicy(
        zone=ZoneInfo(settings.timezone),
        misfire_policy=MisfirePolicy(settings.scheduler.misfire_policy),
        misfire_grace=timedelta(seconds=settings.scheduler.misfire_grace),
    )


def build_protection_policy(settings: Settings) -> ProtectionPolicy:
    """Build the policy of schedules that take a confirmation or two people."""
    rules = [
        (pattern, Protection.CONFIRM if level is True else Protection(str(level)))
        for pattern, level in settings.access.protected.items()
        if level is not False
    ]
    return ProtectionPolicy(rules=rules, ttl=timedelta(seconds=settings.chat.approval_ttl))


def build_access_policy(settings: Settings) -> AccessPolicy:
    """Build the access policy. Groups and people that other settings name are known."""
    access = settings.access
    return AccessPolicy(
        admins=access.admins,
        operators=access.operators,
        viewers=access.viewers,
        conversations=(*access.conversations, *groups_in(settings)),
        rules=tuple(
            AccessRule(role=Role(rule.role), **rule.model_dump(exclude={"role"})) for rule in access.rules
        ),
        named=people_in(settings),
        webhook_groups=groups_of_webhooks(settings),
    )


def build_cards(settings: Settings) -> Cards:
    """Build the renderer of cards and messages."""
    ding = settings.dingding
    return _compile_cards(
        settings.lang, settings.timezone, ding.card_template_id, tuple(ding.card_variables.items())
    )


@cache  # Compiling the templates takes 0.2 s, and the tests build the services a thousand times.
def _compile_cards(lang: str, zone: str, template_id: str, variables: tuple[tuple[str, str], ...]) -> Cards:
    return Cards(
        lang=lang,
        zone=zone,
        template=CardTemplate.chosen(template_id, dict(variables)),
        buttons=router.button_designs,
    )
