"""Build the HTTP server: health, pages, downloads and API."""

from bot.config.settings import Settings
from bot.ports import Identities
from bot.web.download_audit import DownloadAudit
from bot.web.downloads import Downloads, DownloadServices
from bot.web.guard import AdminGuard
from bot.web.health import Health, HealthServices, Vitals
from bot.web.server import WebServer
from bot.wiring.api import PATHS, ApiAdapters, build_api_routes
from bot.wiring.pages import build_web_app
from bot.wiring.services import Services


def build_web_server(
    settings: Settings,
    adapters: ApiAdapters,
    services: Services,
    vitals: Vitals,
    identities: Identities | None = None,
) -> WebServer:
    """Build the server. `vitals` are what the loops of the service know of it."""
    web = settings.web
    token = web.status_token.get_secret_value() if web.status_token else ""
    store, metrics = adapters.stores.store, adapters.metrics
    asked = HealthServices(
        store=store,
        deliveries=services.resender,
        governor=services.governor,
        exports=services.exports,
    )
    health = Health(asked, metrics=metrics, vitals=vitals)
    app = build_web_app(settings, services, adapters.engine, identities)
    download_services = DownloadServices(
        reports=services.reports,
        links=services.links,
        download_log=services.download_log,
        audit=DownloadAudit(services.audit_log),
        admit=app.readers.admit if settings.reports.link_login else None,
    )
    downloads = Downloads(download_services, metrics=metrics, proxies=web.proxies)
    api = build_api_routes(settings, adapters, services)
    routes = [*health.routes(), *app.routes(), *downloads.routes(), *api]
    guard = AdminGuard(token, public_url=web.public_url, proxies=web.proxies, own_paths=PATHS if api else ())
    return WebServer(routes, guard=guard, metrics=metrics, proxies=web.proxies)
