"""Files and folders for their owner alone: they hold findings, passwords among them, and sessions of chats.

The command line sets the umask for everything a process writes. What is written here does not depend on it,
and what an earlier version left open to everybody is closed.
"""

import logging
import os
import stat
from pathlib import Path

log = logging.getLogger(__name__)

PRIVATE_UMASK = 0o077
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents for their owner alone. One that is there is left as it is."""
    for missing in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        missing.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    folder.mkdir(exist_ok=True)  # says what is wrong when it is no folder


def make_private_file(path: Path) -> None:
    """Create an empty file for its owner alone. One that is there is closed to others."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
    close_to_others(path)


def private_opener(path: str, flags: int) -> int:
    """Create files for their owner alone: `path.open("xb", opener=…)`."""
    return os.open(path, flags, PRIVATE_FILE)


def close_to_others(path: Path) -> None:
    """Take away what everybody may do with a file or folder; its group keeps what it has."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IRWXO:
            path.chmod(mode & ~stat.S_IRWXO)
    except FileNotFoundError:
        return
    except PermissionError:
        log.warning("%s can be read by everybody and belongs to somebody else: change its mode", path)
