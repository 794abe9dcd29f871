"""Settings that are given as files, one each: credentials of systemd, secrets of Docker or Kubernetes.

A file is named like the variable of its setting, such as `DINGRUN_DINGDING__APP_SECRET`. The sources of
pydantic-settings do not fit: they read what is not ours too, such as the `config.yaml` among the credentials,
and raise or skip what they cannot read without its name.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.config.loader.sources import OF_EXEC, PREFIX, Problem

CONTAINER_FOLDER = Path("/run/secrets")
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"  # systemd.exec(5)
MAX_BYTES = 1 << 20  # systemd allows as much for all credentials of a unit


def find_secret_files() -> Mapping[str, Path]:
    """Return the files by the names of their variables, in capitals.

    Credentials of systemd win over `/run/secrets`. A folder that cannot be listed has none.
    """
    found: dict[str, Path] = {}
    credentials = os.environ.get(CREDENTIALS_VARIABLE)
    for folder in [CONTAINER_FOLDER, *([Path(credentials)] if credentials else [])]:
        try:
            paths = sorted(folder.iterdir())
        except OSError:
            continue
        found |= {path.name.upper(): path for path in paths if path.name.upper().startswith(PREFIX)}
    return {name: path for name, path in found.items() if name not in OF_EXEC}


def read_secret_files(paths: Mapping[str, Path]) -> tuple[Mapping[str, str], Sequence[Problem]]:
    """Return what the files hold, without the line feed at the end, and a problem for each that is unusable.

    Unusable is what is no regular file, cannot be read, is empty, too long or no text.
    """
    texts: dict[str, str] = {}
    problems = []
    for name, path in paths.items():
        try:
            texts[name] = _read(path)
        except ValueError as error:
            problems.append(Problem(text=f"file {path}: {error}"))
    return texts, problems


def _read(path: Path) -> str:
    """Read one file. Raises `ValueError` that says what is wrong with it, and nothing of its content."""
    try:
        if not path.is_file():  # a pipe would never end
            raise ValueError("is no file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"has more than {MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is no text in UTF-8") from None
    if not text:
        raise ValueError("is empty: write the secret into it, or remove the file")
    return text
