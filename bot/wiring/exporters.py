"""Build the exporter that the settings choose."""

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
    """Build the exporter of a bot."""
    if settings.exporter.kind == "local":
        return build_local_exporter(settings, engine)
    return CeleryExporter(
        stores.store, build_file_transfer(settings, stores), build_broker(settings), clock=clock
    )


def build_local_exporter(settings: Settings, engine: Engine) -> LocalExporter:
    """Build the exporter that writes on this machine."""
    return LocalExporter(
        engine,
        zone=settings.timezone,
        lang=settings.lang,
        show_secrets=settings.reports.show_secrets,
        concurrency=settings.exporter.at_once(usable_cpus()),
    )


def build_file_transfer(settings: Settings, stores: StoreSet) -> FileTransfer:
    """Build the transfer of workbooks from workers to bots: GridFS or a shared folder."""
    if stores.archive and settings.reports.store == "gridfs":
        return ArchiveTransfer(stores.archive)
    return SharedFolder(Path(settings.reports.dir))


def build_broker(settings: Settings) -> "Broker":
    """Build the broker. Raises `ConfigError` if the settings name none, or if its package is missing."""
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
