"""Checks of this machine: disk, file descriptors, time zone, secret files."""

import resource
import shutil
import stat
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from bot.cli.check.runner import in_thread
from bot.config.loader import Settings
from bot.config.loader.secret_files import find_secret_files
from bot.files import nearest_existing
from bot.ports import CheckResult, CheckStatus
from bot.runtime import utc_now
from bot.stores.sqlite.store import sqlite_path

GIB, MIB = 2**30, 2**20
DISK_WARNING, DISK_FAILURE = GIB, 100 * MIB  # bytes that are free
DESCRIPTORS_WARNING, DESCRIPTORS_FAILURE = 1_024, 256


async def check_disk(settings: Settings) -> CheckResult:
    """Test the free space where the reports and an SQLite store are kept."""
    folders = [Path(settings.reports.dir)]
    if settings.store.url.startswith("sqlite"):
        folders.append(sqlite_path(settings.store.url).parent)
    return judge_disk([(folder, await in_thread(partial(_free, folder))) for folder in folders])


def _free(folder: Path) -> int:
    """Return the free bytes of the disk of a folder, which may be missing yet."""
    return shutil.disk_usage(nearest_existing(folder)).free


def judge_disk(free: Sequence[tuple[Path, int]]) -> CheckResult:
    """Judge the folder with the least space. `free`: bytes by folder."""
    folder, least = min(free, key=lambda each: each[1])
    detail = f"{folder}: {least / GIB:.1f} GiB"
    if least >= DISK_WARNING:
        return CheckResult(detail=detail)
    status = CheckStatus.FAIL if least < DISK_FAILURE else CheckStatus.WARN
    return CheckResult(status=status, detail=f"{folder}: {least // MIB} MiB", cause="disk_low")


async def check_descriptors(_: Settings) -> CheckResult:
    """Test how many files and connections this process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return judge_descriptors(soft, hard)


def judge_descriptors(soft: int, hard: int) -> CheckResult:
    """Judge the limit of open files. -1 is no limit."""
    detail = f"ulimit -n {soft} ({hard})"
    if soft < 0 or soft >= DESCRIPTORS_WARNING:
        return CheckResult(detail=detail)
    status = CheckStatus.FAIL if soft < DESCRIPTORS_FAILURE else CheckStatus.WARN
    return CheckResult(status=status, detail=detail, cause="few_descriptors")


async def check_timezone(settings: Settings) -> CheckResult:
    """Compare the time zone of the settings with that of the machine."""
    return judge_timezone(settings, utc_now().astimezone())


def judge_timezone(settings: Settings, local: datetime) -> CheckResult:
    """Warn of a machine in another time zone, if cron lines depend on it. UTC is common on servers."""
    ours = local.astimezone(settings.zone)
    detail = f"{settings.timezone} {ours:%H:%M %z}"
    fires = any(schedule.cron for schedule in settings.schedules)
    if not fires or not local.utcoffset() or local.utcoffset() == ours.utcoffset():
        return CheckResult(detail=detail)
    detail += f", 本机 / machine {local:%H:%M %z}"
    return CheckResult(status=CheckStatus.WARN, detail=detail, cause="time_zone_differs")


async def check_secret_files() -> CheckResult:
    """Warn of secret files that every user of this machine may read or change."""
    files = list(find_secret_files().values())
    for file in files:
        if (mode := file.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH):
            detail = f"{file}: {stat.filemode(mode)}"
            return CheckResult(status=CheckStatus.WARN, detail=detail, cause="secrets_readable")
    return CheckResult(detail=str(len(files)))
