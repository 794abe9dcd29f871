"""Find recipes in the documents, and put them on the host of a test."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.scenarios.conftest import ROOT, Json
from tests.scenarios.reporting import PING_KEY, PROGRAM, TOKEN, Host

TOO_MANY, ATTEMPTS = 429, 20
BLOCK = re.compile(r"<!-- recipe: ([\w-]+) -->\n```\w*\n(.*?)```", re.DOTALL)
RECORDED = Path(__file__).parent / "recorded"
CLIENTS = os.environ.get("RECIPE_CLIENTS", "")
"""Folders of real clients, as in PATH. Of those that are not there, what they once sent is sent again."""


def recipes_of(folder: str) -> Mapping[str, str]:
    """Return the recipes on the pages of a folder by name."""
    texts = [page.read_text(encoding="utf-8") for page in sorted((ROOT / folder).glob("*.md"))]
    return {name: code for text in texts for name, code in BLOCK.findall(text)}


def find_client(name: str) -> Path | None:
    """Return the file of a real client by a pattern, if a folder of `RECIPE_CLIENTS` has it."""
    folders = [Path(folder) for folder in CLIENTS.split(":") if folder]
    return next((file for folder in folders for file in sorted(folder.glob(name))), None)


def recorded(name: str) -> list[Json]:
    """Return the requests that a client sent, in order."""
    requests: list[Json] = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return requests


class Workshop:
    """The host of the recipes."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.write("etc/dingrun.key", TOKEN)
        self.program("bin/dingrun-exec", f'exec {sys.executable} {PROGRAM} "$@"')

    def recipe(self, name: str) -> str:
        """Return a recipe with the address, the keys and the folders of this host."""
        text = recipes_of("docs/recipes")[name].replace("https://run.example.com", self.host.url)
        text = re.sub(r"\bTOKEN\b", TOKEN, re.sub(r"\bKEY\b", PING_KEY, text))
        text = text.replace("/usr/local/bin/", f"{self.host.folder}/bin/")
        return re.sub(
            r"(?<![\w.*])/(opt|etc|tmp)/(?=[a-z-]+\.(sh|key|log))", rf"{self.host.folder}/\1/", text
        )

    def write(self, name: str, text: str) -> Path:
        path = self.host.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def program(self, name: str, script: str) -> Path:
        """Write a program of the host."""
        path = self.write(name, f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    async def sh(self, script: str, **variables: str) -> int:
        """Run a script by bash, and return its exit status."""
        path = f"{CLIENTS}:{self.host.environment['PATH']}" if CLIENTS else self.host.environment["PATH"]
        done = await self.host.run("bash", "-c", script, **{"PATH": path, **variables})
        return done.code

    async def replay(self, name: str) -> None:
        """Send what a client once sent."""
        for request in recorded(name):
            url = self.host.url + request["path"].replace("KEY", PING_KEY)
            headers = {key: value.replace("TOKEN", TOKEN) for key, value in request["headers"].items()}
            body = request["body"].encode()
            await self._send(request["method"], url, body, headers)

    async def _send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a request, again while there are too many, as clients do."""
        for _ in range(ATTEMPTS):
            async with self.host.session.request(method, url, data=body, headers=headers) as answer:
                if answer.status != TOO_MANY:
                    assert answer.ok, (url, answer.status, await answer.text())
                    return
            await asyncio.sleep(0.3)
        raise AssertionError(f"{url} stays too busy")
