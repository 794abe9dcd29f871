"""The file of a backup: a zip with a SQLite store, the report files, and a manifest with their digests.

The store has the schema of the DingRun that wrote it, and is migrated when it is opened. Everything here
blocks.
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from bot import __version__
from bot.errors import ConfigError, PermanentError
from bot.files import UNFINISHED_SUFFIX, make_private_file, make_private_folder

FORMAT = 1  # a file with a higher one is refused
DATABASE = "dingrun.db"
REPORTS = "reports"  # folder of the report files
MANIFEST = "manifest.json"  # written last
FAST = 1  # compression level
DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)  # of a file that is read
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Contents of a backup file."""

    made_at: datetime
    version: str  # of the DingRun that wrote it
    digests: Mapping[str, str]  # SHA-256, by member

    @property
    def reports(self) -> list[str]:
        """Return the paths of the report files within `reports.dir`."""
        return sorted(name.removeprefix(f"{REPORTS}/") for name in self.digests if name != DATABASE)


def write_backup(path: Path, database: Path, folders: list[Path]) -> Contents:
    """Write a backup with the report files of some folders. The first file with a path counts."""
    reports: dict[str, Path] = {}
    for folder in folders:
        reports = dict(_report_files(folder)) | reports
    make_private_file(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=FAST) as archive:
        digests = {DATABASE: _add(archive, DATABASE, database)}
        for name, report in sorted(reports.items()):
            with suppress(FileNotFoundError):  # it has expired meanwhile
                digests[f"{REPORTS}/{name}"] = _add(archive, f"{REPORTS}/{name}", report)
        contents = Contents(made_at=datetime.now(UTC), version=__version__, digests=digests)
        archive.writestr(MANIFEST, _manifest(contents))
    with path.open("rb") as written:
        os.fsync(written.fileno())
    return contents


def _report_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """List the finished files of a reports folder, which has a folder for each day."""
    for path in folder.glob("*/*"):
        if path.is_file() and not path.is_symlink() and path.suffix != UNFINISHED_SUFFIX:
            yield path.relative_to(folder).as_posix(), path


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    with path.open("rb") as source:
        info = zipfile.ZipInfo.from_file(path, name)
        info.compress_type = zipfile.ZIP_DEFLATED if name == DATABASE else zipfile.ZIP_STORED
        with archive.open(info, "w", force_zip64=True) as member:
            return _copy(source, member)


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK_BYTES):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _manifest(contents: Contents) -> str:
    return json.dumps({
        "format": FORMAT,
        "version": contents.version,
        "made_at": contents.made_at.isoformat(),
        "sha256": dict(contents.digests),
    })


def extract_backup(path: Path, folder: Path) -> Contents:
    """Verify a backup and extract it to an empty folder, which then has the database and the reports.

    Raises `ConfigError` if it is no backup or a newer one, and `PermanentError` if it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            contents = _read_manifest(path, archive)
            found = {name: _extract(archive, name, folder / name) for name in contents.digests}
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except DAMAGES as error:
        raise PermanentError(f"{path} is damaged or no backup: {error}") from None
    if changed := [name for name, digest in contents.digests.items() if found[name] != digest]:
        raise PermanentError(f"{path} is damaged: {changed[0]} changed after it was made")
    return contents


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> Contents:
    try:
        read = json.loads(archive.read(MANIFEST))
        if read["format"] > FORMAT:
            raise ConfigError(
                f"{path} was written by DingRun {read['version']}: restore it with that version"
            )
        contents = Contents(
            made_at=datetime.fromisoformat(read["made_at"]),
            version=str(read["version"]),
            digests={str(name): str(digest) for name, digest in read["sha256"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ConfigError(f"{path} is no backup of DingRun: its {MANIFEST} cannot be read") from None
    names = {*contents.digests}
    if (
        DATABASE not in names
        or {*archive.namelist()} != {*names, MANIFEST}
        or not all(map(_is_member, names))
    ):
        raise ConfigError(f"{path} is no backup of DingRun: it lacks files, or has others")
    return contents


def _is_member(name: str) -> bool:
    """Return whether a backup may hold a file of this name: the database, or a report of a day."""
    parts = PurePosixPath(name).parts
    report = (REPORTS, *parts[1:]) == parts and len(parts) == len(("reports", "day", "file"))
    return name == DATABASE or (report and ".." not in parts and "/".join(parts) == name)


def _extract(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    make_private_folder(path.parent)
    make_private_file(path)
    with archive.open(name) as source, path.open("wb") as target:
        digest = _copy(source, target)
        target.flush()
        os.fsync(target.fileno())
    return digest
