"""Folders that may be missing yet: can they be made? Asked without making anything."""

import os
from pathlib import Path


def folder_problem(folder: Path) -> str:
    """Say why nothing can be created in this folder, or "". The folder itself may be missing yet."""
    here = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not here.is_dir():
        return f"{here} is not a folder"
    return "" if os.access(here, os.W_OK | os.X_OK) else f"{here} cannot be written"
