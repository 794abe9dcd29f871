"""Build what keeps reports and links to them."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.config.settings import Settings
from bot.external.repository import ExternalRuns
from bot.models import Clock
from bot.reports.link_tokens import LinkPolicy
from bot.reports.links import ReportLinks
from bot.reports.retention import RetentionPolicy, RunRecords, RunRetention
from bot.reports.storage import ReportStorage
from bot.wiring.stores import StoreSet


def build_storage(settings: Settings, stores: StoreSet) -> ReportStorage:
    """Build the storage of the report files: a folder and, with `gridfs`, the archive of the store."""
    reports = settings.reports
    return ReportStorage(
        folder=Path(reports.dir),
        keep=timedelta(days=reports.keep_days),
        zone=ZoneInfo(settings.timezone),
        archive=stores.archive if reports.store == "gridfs" else None,
    )


def build_run_retention(
    settings: Settings, stores: StoreSet, external: ExternalRuns, clock: Clock
) -> RunRetention:
    """Build what deletes old runs."""
    history = settings.history
    policy = RetentionPolicy(
        runs=timedelta(days=history.keep_days), assets=timedelta(days=history.assets_days)
    )
    records = RunRecords(runs=stores.store, retention=stores.retention, tasks=stores.tasks, external=external)
    return RunRetention(records, clock=clock, policy=policy)


def build_links(settings: Settings, stores: StoreSet, clock: Clock) -> ReportLinks:
    """Build the issuer of download links. Without `reports.link_secret` the key is kept in the store."""
    reports = settings.reports
    policy = LinkPolicy(
        public_url=settings.web.public_url,
        ttl=timedelta(seconds=reports.link_ttl),
        max_downloads=reports.link_max_downloads,
    )
    key = reports.link_secret.get_secret_value() if reports.link_secret else ""
    return ReportLinks(stores.links, policy, clock=clock, key=key)
