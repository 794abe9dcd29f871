"""A disk whose power is cut: what of a trace of system calls is there afterwards.

A file has what was written before its last sync, and a name is there if its folder was synced after it got
it. `docs/evidence.md` says what this model leaves out.
"""

import random
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

LOST_FILES = ("-shm",)  # SQLite builds its index of the log anew: it is shared memory, not a record


class Kind(StrEnum):
    """A change of a disk."""

    CREATE = "create"  # unless it is there
    WRITE = "write"
    TRUNCATE = "truncate"  # or create
    SYNC = "sync"
    RENAME = "rename"
    REMOVE = "remove"
    FOLDER = "folder"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A system call that changed a file or a folder, or made changes durable."""

    kind: Kind
    path: str
    to: str = ""  # new name
    offset: int = 0  # of what is written; the size, for a truncation
    data: bytes = b""
    at: float = 0.0  # seconds since 1970
    begun: int = 0  # changes that had ended when this one began


@dataclass(kw_only=True)
class File:
    """Bytes on the disk, and what was written since the last sync."""

    durable: bytes = b""
    pending: list[tuple[int, Change]] = field(default_factory=list)  # with the number of the change

    def sync(self, before: int) -> None:
        """Make durable what had been written when the sync began."""
        ready = [change for number, change in self.pending if number < before]
        self.durable = written(self.durable, ready)
        self.pending = [each for each in self.pending if each[0] >= before]

    def cut(self, choice: random.Random | None) -> bytes:
        """Return the content after a power cut: some of what was not synced, by choice, or none of it."""
        return written(self.durable, [each for _, each in self.pending if choice and choice.randint(0, 1)])


Entry = File | None  # None is a folder
Step = tuple[tuple[str, Entry | str], ...]  # names that change at once; "" instead of an entry removes it
GONE = ""


def written(data: bytes, changes: Iterable[Change]) -> bytes:
    """Return the content of a file after some changes of it."""
    content = bytearray(data)
    for change in changes:
        end = change.offset + len(change.data)
        if change.kind is Kind.TRUNCATE:
            del content[change.offset :]
        content.extend(bytes(max(0, end - len(content))))
        content[change.offset : end] = change.data
    return bytes(content)


class Disk:
    """Folders and files below a root, as programs see them and as a power cut leaves them."""

    def __init__(self, root: str, files: Mapping[str, bytes]) -> None:
        """Begin with files that are durable, with their folders."""
        self._root = root
        self._names: dict[str, Entry] = {root: None}
        for path, data in files.items():
            self._names[path] = File(durable=data)
            self._names |= {str(each): None for each in Path(path).parents if str(each).startswith(root)}
        self._durable = dict(self._names)
        self._steps: dict[str, list[tuple[int, Step]]] = {}  # by folder, not synced yet; with their numbers
        self._number = 0

    def apply(self, change: Change) -> None:
        """Follow a system call. One about a file that is not known, or not below the root, is ignored."""
        self._number += 1
        known, entry = change.path in self._names, self._names.get(change.path)
        match change.kind:
            case Kind.CREATE | Kind.TRUNCATE if not known:
                self._enter((change.path, File()))
            case Kind.FOLDER:
                self._enter((change.path, None))
            case Kind.RENAME if known:
                self._enter((change.path, GONE), (change.to, entry))
            case Kind.REMOVE if known:
                self._enter((change.path, GONE))
            case Kind.WRITE | Kind.TRUNCATE if entry:
                entry.pending.append((self._number, change))
            case Kind.SYNC if known:
                self._sync(change, entry)

    def _sync(self, change: Change, entry: Entry) -> None:
        if entry:
            entry.sync(change.begun + 1)
            return
        steps = self._steps.pop(change.path, [])
        for _, step in (each for each in steps if each[0] <= change.begun):
            _take(self._durable, step)
        self._steps[change.path] = [each for each in steps if each[0] > change.begun]

    def _enter(self, *step: tuple[str, Entry | str]) -> None:
        _take(self._names, step)
        for folder in {str(Path(path).parent) for path, _ in step}:
            self._steps.setdefault(folder, []).append((self._number, step))

    def cut(self, choice: random.Random | None = None) -> Mapping[str, bytes]:
        """Return the files after a power cut, by path.

        Without `choice` everything is lost that was not synced. With it, some of it reached the disk: any of
        the writes to a file, and the first few changes of the names in a folder.
        """
        names = dict(self._durable)
        for steps in self._steps.values():
            for _, step in steps[: choice.randint(0, len(steps)) if choice else 0]:
                _take(names, step)
        files = {path: entry for path, entry in names.items() if isinstance(entry, File)}
        return {
            path: file.cut(choice)
            for path, file in files.items()
            if not path.endswith(LOST_FILES) and self._is_reached(path, names)
        }

    def _is_reached(self, path: str, names: Mapping[str, Entry]) -> bool:
        """Return whether all folders above a file are there."""
        above = (str(each) for each in Path(path).parents)
        return all(each in names for each in above if each.startswith(self._root))


def _take(names: dict[str, Entry], step: Step) -> None:
    for path, entry in step:
        if isinstance(entry, str):
            names.pop(path, None)
        else:
            names[path] = entry


def read_files(folder: Path, at: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files below a folder, by the paths that they would have below another one."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(at / path.relative_to(folder)), path.read_bytes()


def restore(files: Mapping[str, bytes], root: Path, to: Path | None = None) -> None:
    """Replace the folders below `to` (or the root itself) by the files of a root. Its own files stay."""
    to = to or root
    for folder in to.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    for path, data in files.items():
        target = to / Path(path).relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
