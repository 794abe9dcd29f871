"""A program in a terminal of its own, driven as a person does: wait for a text, type an answer."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

ROWS, COLUMNS = 60, 100
PATIENCE_SECONDS = 20.0
STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Output of the program so far, and the keyboard."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self._process = process
        self._master = master
        self._news = asyncio.Event()
        self._seen = 0
        self.output = ""
        self._raw = b""
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            chunk = os.read(self._master, 65536)
        except OSError:  # the program has ended
            chunk = b""
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._master)
        self._raw += chunk
        self.output = self._raw.decode("utf-8", "replace")
        self._news.set()

    async def expect(self, text: str) -> str:
        """Wait until the program shows a text after the last one. Returns what came before it."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (at := self.output.find(text, self._seen)) < 0:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{text!r} did not come after:\n{self.output}") from None
        before = self.output[self._seen : at]
        self._seen = at + len(text)
        return before

    async def expect_prompt(self) -> None:
        """Wait until the program waits for an answer: nothing follows its `: `."""
        await self.expect(": ")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not STYLES.sub("", self.output).endswith(": "):
                self._news.clear()
                await self._news.wait()
        self._seen = len(self.output)

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        os.write(self._master, f"{line}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._master, b"\x03")

    async def end(self) -> int:
        """Wait for the end. Returns the exit status."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._process.wait()


@asynccontextmanager
async def in_terminal(*command: str, cwd: Path, environment: Mapping[str, str]) -> AsyncIterator[Terminal]:
    """Start a program with a terminal as its keyboard and screen."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=cwd,
        env={"TERM": "xterm-256color", "LANG": "C.UTF-8", **environment},
        preexec_fn=_own_terminal,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        asyncio.get_running_loop().remove_reader(master)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        os.close(master)


def _own_terminal() -> None:
    """Make the terminal that of the new session, so that Ctrl-C and hidden input work."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for jobs in the background
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
