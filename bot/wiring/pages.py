"""Build the web app."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.config.settings import Settings
from bot.ports import Engine, Identities
from bot.web.pages.app import WebApp
from bot.web.pages.run_details import RunDetails
from bot.web.pages.visitors import WebServices
from bot.wiring.policies import build_access_policy, build_cards
from bot.wiring.services import Services
from cards.environment import LANGUAGES
from handlers import router


def build_web_app(
    settings: Settings, services: Services, engine: Engine, identities: Identities | None = None
) -> WebApp:
    """Build the pages. Each language has cards of its own, for the answers."""
    context = services.context
    cards = {lang: build_cards(settings.model_copy(update={"lang": lang})) for lang in LANGUAGES}
    contexts = {lang: replace(context, cards=each.with_clock(context.clock)) for lang, each in cards.items()}
    return WebApp(
        WebServices(
            contexts=contexts,
            policy=build_access_policy(settings),
            router=router,
            audit=services.audit_log,
            lang=settings.lang,
            identities=identities,
            jsapi=Path(settings.web.jsapi) if settings.web.jsapi else None,
        ),
        RunDetails(engine, services.external.runs),
        zone=ZoneInfo(settings.timezone),
        public_url=settings.web.public_url,
        proxies=settings.web.proxies,
    )
