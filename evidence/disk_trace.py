"""Read the changes of a disk from a trace of strace, with everything that was written."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evidence.disk import Change, Kind

CALLS = (
    "open", "openat", "creat", "lseek", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "rename",
    "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir",
)  # fmt: skip
UNMODELLED = ("writev", "pwritev", "fallocate", "copy_file_range", "sendfile", "link", "linkat", "truncate")
"""Calls that would change a file in a way that is not read here: a trace must not have them."""
OPTIONS = ("-y", "-ttt", "-xx", "-s", "16777216")  # paths of descriptors, times, everything in hex, in full
CUT = "killed by SIGKILL"

_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_OPENED = re.compile(r"(?:\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?")
_NUMBER = re.compile(r", (\d+)(?:, SEEK_\w+)?$")


class UnmodelledError(ValueError):
    """A trace has a call that the model of the disk does not know."""


class TraceReader:
    """Reads the changes below a root."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._offsets: dict[str, int] = {}  # of the file that was opened last under a path
        self._began: dict[str, tuple[str, int]] = {}  # by thread: the first half of a call
        self._read: Mapping[str, Callable[[str, Sequence[str], int], Change | None]] = {
            **dict.fromkeys(("open", "openat", "creat"), self._open),
            **dict.fromkeys(("mkdir", "mkdirat"), lambda _, paths, __: _named(Kind.FOLDER, paths)),
            **dict.fromkeys(("unlink", "unlinkat", "rmdir"), lambda _, paths, __: _named(Kind.REMOVE, paths)),
            **dict.fromkeys(("rename", "renameat", "renameat2"), lambda _, paths, __: _renamed(paths)),
            **dict.fromkeys(("fsync", "fdatasync"), lambda _, paths, __: _named(Kind.SYNC, paths)),
            "lseek": self._seek,
            "write": self._write,
            "pwrite64": _write_at,
            "ftruncate": _truncate,
        }

    def changes(self, lines: Iterable[str]) -> Iterator[Change]:
        """Yield the changes in the order in which the calls ended, up to a kill.

        Raises `UnmodelledError`.
        """
        ended = 0
        for line in lines:
            if CUT in line:
                return
            match = _LINE.match(line)
            if not match or (self._root_hex not in line and match[1] not in self._began):
                continue
            thread, at, text = match.groups()
            begun = ended
            if text.endswith("<unfinished ...>"):
                self._began[thread] = (text.removesuffix(" <unfinished ...>"), ended)
                continue
            if resumed := _RESUMED.match(text):
                first, begun = self._began.pop(thread, ("", ended))
                text = first + resumed[1]
            change = self._change(text)
            if change:
                ended += 1
                yield replace(change, at=float(at), begun=begun)

    @property
    def _root_hex(self) -> str:
        return "".join(f"\\x{byte:02x}" for byte in self._root.encode())

    def _change(self, text: str) -> Change | None:
        call = _CALL.match(text)
        if not call:
            return None
        name, arguments, result = call[1], call[2], int(call[3])
        if name in UNMODELLED:
            raise UnmodelledError(f"{name} below {self._root}")
        paths = list(_paths(name, arguments))
        if name not in self._read or not paths or not paths[0].startswith(self._root):
            return None
        return self._read[name](arguments, paths, result)

    def _open(self, arguments: str, paths: Sequence[str], _: int) -> Change | None:
        if "O_WRONLY" in arguments or "O_RDWR" in arguments:
            self._offsets[paths[0]] = 0
        if "O_TRUNC" in arguments:
            return _named(Kind.TRUNCATE, paths)
        return _named(Kind.CREATE, paths) if "O_CREAT" in arguments else None

    def _seek(self, _: str, paths: Sequence[str], result: int) -> Change | None:
        self._offsets[paths[0]] = result
        return None

    def _write(self, arguments: str, paths: Sequence[str], result: int) -> Change | None:
        offset = self._offsets.get(paths[0], 0)
        self._offsets[paths[0]] = offset + result
        data = _texts(arguments)[0][:result]
        return Change(kind=Kind.WRITE, path=paths[0], offset=offset, data=data)


def _write_at(arguments: str, paths: Sequence[str], result: int) -> Change | None:
    return Change(
        kind=Kind.WRITE, path=paths[0], offset=_last_number(arguments), data=_texts(arguments)[0][:result]
    )


def _truncate(arguments: str, paths: Sequence[str], _: int) -> Change | None:
    return Change(kind=Kind.TRUNCATE, path=paths[0], offset=_last_number(arguments))


def _named(kind: Kind, paths: Sequence[str]) -> Change:
    return Change(kind=kind, path=paths[0])


def _renamed(paths: Sequence[str]) -> Change:
    return Change(kind=Kind.RENAME, path=paths[0], to=paths[1])


def _paths(name: str, arguments: str) -> Iterator[str]:
    """Yield the absolute paths that a call names, or the path of its descriptor."""
    opened = [(_decoded(path).decode(), bool(gone)) for path, gone in _OPENED.findall(arguments)]
    if name in {"lseek", "write", "pwrite64", "ftruncate", "fsync", "fdatasync"}:
        yield from (path for path, gone in opened[:1] if not gone)
        return
    base = opened[0][0] if opened else "/"
    for text in _texts(arguments):
        yield str(Path(base) / text.decode())


def _texts(arguments: str) -> Sequence[bytes]:
    return [_decoded(text) for text in _TEXT.findall(arguments)]


def _decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _last_number(arguments: str) -> int:
    found = _NUMBER.search(arguments)
    if found is None:
        raise UnmodelledError(arguments[-80:])
    return int(found[1])
