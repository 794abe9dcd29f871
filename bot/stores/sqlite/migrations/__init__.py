"""The schema of a SQLite store, and how a file of an earlier version gets it."""

from pathlib import Path

import aiosqlite

from bot.errors import ConfigError

MIGRATIONS_FOLDER = Path(__file__).parent
MIGRATIONS = (
    "0001_initial.sql",
    "0002_ledger.sql",
    "0003_links.sql",
    "0004_indexes.sql",
    "0005_download_resumes.sql",
    "0006_payload_retention.sql",
    "0007_findings.sql",
    "0008_undelivered.sql",
    "0009_field_names.sql",
    "0010_export_requests.sql",
    "0011_audit.sql",
    "0012_overrides.sql",
    "0013_trend.sql",
    "0014_reservations.sql",
    "0015_lapses.sql",
    "0016_documents.sql",
    "0017_people_of_runs.sql",
    "0018_stop_approval.sql",
    "0019_muted_before.sql",
    "0020_assets_deleted.sql",
)  # the first one creates schema version 1, the second one migrates it to 2, and so on
SCHEMA_VERSION = len(MIGRATIONS)


async def migrate(db: aiosqlite.Connection, path: Path) -> None:
    """Migrate a store to the current schema, within a transaction. Raises `ConfigError` for a newer one."""
    ((version,),) = await db.execute_fetchall("pragma user_version")
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"store.url: {path} was written by a newer DingRun (schema {version}, this one"
            f" knows {SCHEMA_VERSION}): start that version, or name another file"
        )
    for name in MIGRATIONS[version:]:
        for statement in (MIGRATIONS_FOLDER / name).read_text(encoding="utf-8").split(";"):
            await db.execute(statement)
    await db.execute(f"pragma user_version = {SCHEMA_VERSION}")
