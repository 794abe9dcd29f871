"""Files that another system made and that are sent instead of our workbook."""

import asyncio
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from bot.errors import PermanentError
from bot.external.models import RunFile
from bot.external.repository import ExternalRuns
from bot.models import Run
from bot.reports.repository import Reports, file_name

ZIP = ".zip"


class Attachments:
    """The uploaded files of runs."""

    def __init__(self, runs: ExternalRuns, reports: Reports) -> None:
        self._runs = runs
        self._reports = reports

    async def find(self, run: Run) -> Sequence[RunFile]:
        """Return the files that were uploaded for a run."""
        external = await self._runs.find(run.id)
        return external.files if external else ()

    def name(self, run: Run, files: Sequence[RunFile]) -> str:
        """Return the name under which they are sent, of the file or an archive. "" if there are none."""
        if not files:
            return ""
        if len(files) == 1:
            return files[0].name
        return Path(file_name(run, self._reports.zone)).stem + ZIP

    async def write(self, files: Sequence[RunFile], path: Path) -> None:
        """Write what is sent to a path. Raises `PermanentError` if a file is gone."""
        sources = [await self._reports.verified_path(each) for each in files]
        await asyncio.to_thread(_write, files, sources, path)


def _write(files: Sequence[RunFile], sources: Sequence[Path], path: Path) -> None:
    try:
        if len(files) == 1:
            shutil.copyfile(sources[0], path)
            return
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, source in zip(files, sources, strict=True):
                archive.write(source, file.name)
    except OSError as error:
        raise PermanentError(f"the uploaded file cannot be read: {error.strerror}") from error
