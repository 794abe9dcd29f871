"""Which exporter the settings name."""

from pathlib import Path
from typing import TYPE_CHECKING

from bot.config.loader import Settings
from bot.errors import ConfigError, missing_extra
from bot.exporters.celery.exporter import CeleryExporter
from bot.exporters.celery.transfer import ArchiveTransfer, FileTransfer, SharedFolder
from bot.exporters.local.exporter import LocalExporter
from bot.models import Clock
from bot.ports import Engine, Exporter
from bot.runtime import usable_cpus
from bot.wiring.stores import StoreSet

if TYPE_CHECKING:
    from bot.exporters.celery.broker import Broker


def build_exporter(settings: Settings, stores: StoreSet, engine: Engine, *, clock: Clock) -> Exporter:
    """The exporter of a bot."""
    if settings.exporter.kind == "local":
        return build_local_exporter(settings, engine)
    return CeleryExporter(
        stores.store, build_file_transfer(settings, stores), build_broker(settings), clock=clock
    )


def build_local_exporter(settings: Settings, engine: Engine) -> LocalExporter:
    """The exporter that writes here."""
    return LocalExporter(
        engine,
        zone=settings.timezone,
        lang=settings.lang,
        show_secrets=settings.reports.show_secrets,
        concurrency=settings.exporter.at_once(usable_cpus()),
    )


def build_file_transfer(settings: Settings, stores: StoreSet) -> FileTransfer:
    """How workbooks come from workers to bots: the way that reports lie for all bots."""
    if stores.archive and settings.reports.store == "gridfs":
        return ArchiveTransfer(stores.archive)
    return SharedFolder(Path(settings.reports.dir))


def build_broker(settings: Settings) -> "Broker":
    """The broker of the settings. Raises `ConfigError` when they name none, or its package is missing."""
    exporter = settings.exporter
    if exporter.kind != "celery" or exporter.broker_url is None:
        raise ConfigError(
            f"exporter.kind: a worker needs celery and exporter.broker_url, got {exporter.kind}"
        )
    try:
        from bot.exporters.celery.broker import Broker  # noqa: PLC0415 - an extra, and imported by nobody else

        return Broker(exporter.broker_url.get_secret_value(), time_limit=exporter.time_limit)
    except ImportError:
        raise missing_extra("exporter.kind: celery", "celery") from None
