"""Somebody who types what the pages say, on a host beside the sandbox and the service."""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, chdir, contextmanager
from pathlib import Path

import aiohttp
import yaml
from click.testing import CliRunner

from bot.__main__ import main
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.templates.__main__ import main as templates
from tests.scenarios.conftest import GROUP, ROOT, Chat, Json, Service, settings, until
from tests.scenarios.demos import free_port
from tests.scenarios.reporting import Done, Host
from tests.test_docs_commands import BLOCK, CRON, lines_of

Variables = Mapping[str, str]
NONE: Variables = {}

HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
OURS = re.compile(r"(?:\.venv/bin/)?python -m (?=bot\b|dingtalk_sandbox\b)|(?=dingrun )")
"""The beginning of a line that runs a command of ours."""
COMMANDS = {"bot": main, "dingrun": main, "dingtalk_sandbox.templates": templates}


def sections_with_commands() -> Mapping[tuple[str, str], Sequence[str]]:
    """Return the blocks of commands of the English pages, by page and heading. The Chinese have the same."""
    found: dict[tuple[str, str], list[str]] = {}
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        bare = re.sub(r"^ *```.*?^ *```", lambda code: "x" * len(code[0]), text, flags=re.DOTALL | re.M)
        for block in BLOCK.finditer(text):
            heading = [each[1] for each in HEADING.finditer(bare, 0, block.start())][-1]
            found.setdefault((str(page.relative_to(ROOT)), heading), []).append(block[1])
    del found[("README.zh-CN.md", "DingRun 钉跑")], found[("README.zh-CN.md", "接入自己的钉钉")]
    return found


SECTIONS = sections_with_commands()


@contextmanager
def typed_in(folder: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Change to a folder, and set variables as a shell there has them."""
    before = dict(os.environ)
    mine = [name for name in before if name.startswith("DINGRUN_")]
    try:
        for name in mine:
            del os.environ[name]
        os.environ.update(variables)
        with chdir(folder):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Reader:
    """Types the commands of a page in the folder of the host.

    - `here`: what stands on the page for something else than on this host, and what it is here.
    - `added`: options that the test adds to a line which begins like this.
    - `token`: the key of the host.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.here: dict[str, str] = {
            "https://run.example.com": host.url,
            "http://127.0.0.1:8790": host.chat.sandbox.url,
            "127.0.0.1:8780": host.url.removeprefix("http://"),
            "cid6EUabc==": GROUP,
            "dingabc123": "dingsandboxapp",
            "manager01": "user01",
            "/usr/local/bin/": f"{host.folder}/bin/",
            "/etc/dingrun": f"{host.folder}/etc/dingrun",
            "/opt/": f"{host.folder}/opt/",
        }
        self.added: dict[str, str] = {}
        self.token = ""

    def lines(self, page: str, heading: str, *, at: int = 0) -> list[str]:
        """Return the lines of a block, as they are on this host."""
        return [self._as_here(CRON.sub("", line)) for line in lines_of(SECTIONS[page, heading][at])]

    async def follow(
        self, page: str, heading: str, *, at: int = 0, variables: Variables = NONE
    ) -> list[Done]:
        """Type each line of a block. Returns what they printed, and their exit codes."""
        exported: dict[str, str] = dict(variables)
        done = []
        for line in self.lines(page, heading, at=at):
            if line.startswith("export "):
                exported |= dict(word.split("=", 1) for word in shlex.split(line)[1:])
            else:
                done.append(await self.type(line, variables=exported))
        return done

    def _as_here(self, line: str) -> str:
        for there, here in self.here.items():
            line = line.replace(there, here)
        more = [options for start, options in self.added.items() if line.startswith(start)]
        return " ".join([line, *more])

    async def type(self, line: str, *, variables: Variables = NONE) -> Done:
        """Run a line: ours in this process, which costs no start of Python, the others by bash."""
        if ours := OURS.match(line):
            program, *words = shlex.split(line[ours.end() :])
            with typed_in(self.host.folder, variables):
                return await asyncio.to_thread(_invoke, program, words)
        return await self.host.run("bash", "-c", f"set -o pipefail; {line}", **variables)

    async def type_in_terminal(self, line: str, folder: Path) -> Done:
        """Run a command of ours in a process of its own, because it handles signals."""
        words = f"cd {folder} && {line.replace('.venv/bin/python', sys.executable)}"
        return await self.host.run("bash", "-c", words, PYTHONPATH=str(ROOT))

    async def make_key(self, command: str) -> tuple[str, Json]:
        """Make a key of the API. Returns it, and what the command prints for `api.keys`."""
        first, _, *section = (await self.type(command)).output.splitlines()
        return first.rpartition(" ")[2], yaml.safe_load("\n".join(section))["api"]["keys"]

    def paste(self, text: str) -> str:
        """Have a text ready for a command that reads the terminal, and return it."""
        path = self.host.folder / "pasted"
        path.write_text(text, encoding="utf-8")
        self.here["/dev/stdin"] = str(path)
        return text

    def program(self, name: str, script: str) -> None:
        """Write a program of the host."""
        path = self.host.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)


def _invoke(program: str, words: Sequence[str]) -> Done:
    result = CliRunner().invoke(COMMANDS[program], words)
    assert isinstance(result.exception, SystemExit | None), result.exception
    return Done(code=result.exit_code, output=result.output)


class StartedByHand(Service):
    """The service as the page on the start says, in the folder of its config.yaml."""

    async def start(self) -> None:
        python, *words = shlex.split(SECTIONS["docs/start.md", "4. Run it"][0])
        assert python == ".venv/bin/python"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DINGRUN_")}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, *words),
                cwd=self.log.parent,
                env=environment | {"PYTHONPATH": str(ROOT)},
                stderr=log,
                stdout=log,
            )


@asynccontextmanager
async def reading(folder: Path) -> AsyncIterator[Reader]:
    """Start the sandbox, make the keys as the pages say, and start the service.

    The token is ready to be pasted, and the ping key stands where the pages have KEY.
    """
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        port = free_port()
        for name in ("bin", "etc", "opt"):
            (folder / name).mkdir()
        service = StartedByHand(folder / "config.yaml", folder / "log.txt")
        reader = Reader(Host(f"http://127.0.0.1:{port}", Chat(sandbox, session), service, folder, session))
        values = settings(sandbox, ["127.0.0.1"]) | {"schedules": [], "web": {"port": port}}
        text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
        token, hosts = await reader.make_key(re.findall("`(python -m bot api key hosts.*?)`", text)[0])
        ping, pings = await reader.make_key("python -m bot api key pings")
        hosts["hosts"]["scopes"] = ["report", "read"]
        rerun = {"backup-db": {"rerun": {"runner": "db1"}}}
        values["api"] = {"create": True, "keys": hosts | pings, "schedules": rerun}
        values["notify"] = {"routes": {"*": [{"to": f"group:{GROUP}", "notify_on": "always"}]}}
        (folder / "config.yaml").write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
        reader.token = reader.paste(token)
        reader.here["/ping/KEY/"] = f"/ping/{ping}/"
        try:
            await service.start()
            await until(reader.host.is_ready)
            await until(reader.host.chat.connected)
            yield reader
        finally:
            await reader.host.close()
            await service.end()
