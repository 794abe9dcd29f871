"""Build the API, if there are keys for it."""

from collections.abc import Sequence

from aiohttp import web

from bot.api.admission import Admission
from bot.api.gate import Gate
from bot.api.keys import ApiKey, KeyKind, KeyRing, Scope, digest_key
from bot.api.pings import Pings
from bot.config.api.settings import HASH_PREFIX, ApiKeySettings
from bot.config.settings import Settings
from bot.models import Clock
from bot.telemetry.metrics import Metrics
from bot.wiring.services import Services
from bot.wiring.stores import StoreSet

PATHS = ("/ping/", "/v1/", "/api/v1/")  # below which the API answers


def build_api_routes(
    settings: Settings, stores: StoreSet, services: Services, metrics: Metrics, clock: Clock
) -> Sequence[web.RouteDef]:
    """Build the routes of the API. Without keys there are none."""
    api = settings.api
    if not api.keys:
        return ()
    gate = Gate(
        build_keys(settings), stores.quota, clock=clock, metrics=metrics, proxies=settings.web.proxies
    )
    admission = Admission(
        services.external.schedules,
        services.operator_alerts,
        create=api.create,
        limit=api.max_schedules,
        clock=clock,
    )
    return Pings(gate, admission, services.run_reports).routes()


def build_keys(settings: Settings) -> KeyRing:
    """Build the keys of the settings. Only their hashes are kept."""
    return KeyRing([_key(name, each) for name, each in settings.api.keys.items()])


def _key(name: str, given: ApiKeySettings) -> ApiKey:
    text = given.key.get_secret_value()
    hashed = text.removeprefix(HASH_PREFIX)
    return ApiKey(
        name=name,
        kind=KeyKind(given.kind),
        digest=bytes.fromhex(hashed) if text.startswith(HASH_PREFIX) else digest_key(text),
        slugs=given.slugs,
        scopes=frozenset(map(Scope, given.scopes)),
    )
