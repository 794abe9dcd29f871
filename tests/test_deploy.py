"""What `deploy/` promises holds for the files as they are; no container engine is needed to see it."""

import ast
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.__main__ import main
from bot.config.settings import Settings
from tests.test_architecture import MODULES

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
KEPT_MODELS = set(re.findall(r"! -name (\w+)", DOCKERFILE))
STOPS_WITHIN = 10  # seconds that a bot needs at most
OURS = ("bot", "worker")


def instructions(name: str) -> list[str]:
    return [line.partition(" ")[2] for line in DOCKERFILE.splitlines() if line.startswith(f"{name} ")]


def last_stage() -> str:
    return DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_looked_after(name: str) -> None:
    service = SERVICES[name]
    assert "healthcheck" in service or (name in OURS and "HEALTHCHECK" in last_stage())
    assert service["restart"] == "unless-stopped"
    assert int(service["stop_grace_period"].removesuffix("s")) > STOPS_WITHIN


def test_there_are_two_bots_and_two_workers_of_one_image() -> None:
    assert [SERVICES[name]["deploy"]["replicas"] for name in OURS] == [2, 2]
    assert len({SERVICES[name]["image"] for name in OURS}) == 1
    assert SERVICES["bot"]["build"]["dockerfile"] == "deploy/Dockerfile"


def test_images_are_named_by_their_version() -> None:
    bases = [f"python:{value}" for value in re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE)]
    assert instructions("FROM") == ["python:${PYTHON} AS build", "python:${PYTHON}"]
    for image in [*bases, *(service["image"] for service in SERVICES.values())]:
        assert re.search(r":\d+\.\d+\.\d+(-[a-z]+)*$", image), image


def test_the_image_has_a_python_that_we_take() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = re.findall(r"\d+", project["requires-python"])
    (had,) = re.findall(r"^ARG PYTHON=(\d+)\.(\d+)", DOCKERFILE, re.MULTILINE)
    assert [*map(int, had)] >= [*map(int, least)]
    assert SERVICES["bot"]["image"] == f"dingrun:{project['version']}"


def test_commands_are_commands_of_ours() -> None:
    worker = main.commands["worker"]
    assert [SERVICES[name].get("command") for name in OURS] == [None, ["worker"]]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["dingrun"]
    *call, word = SERVICES["worker"]["healthcheck"]["test"]
    assert call == ["CMD", "dingrun", "worker"]
    assert word in {option for parameter in worker.params for option in parameter.opts}


@pytest.mark.parametrize("kind", ["volumes", "networks", "configs", "secrets"])
def test_what_is_declared_is_used_and_what_is_used_is_declared(kind: str) -> None:
    used = set()
    for service in SERVICES.values():
        for each in service.get(kind, ()):
            used.add(each["source"] if isinstance(each, dict) else each.partition(":")[0])
    assert used == COMPOSE[kind].keys()
    files = [each["file"] for each in COMPOSE[kind].values() if each and "file" in each and kind != "secrets"]
    assert all((DEPLOY / file).is_file() for file in files)


def test_only_bots_see_the_world_and_only_this_machine_sees_them() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "outside" in service["networks"]] == ["bot"]
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_the_image_copies_is_there_and_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [place for copy in instructions("COPY") if "--from" not in copy for place in copy.split()[:-1]]
    assert len(sources) == len(set(sources)) > 0
    for place in sources:
        assert (ROOT / place).exists(), place
        assert f"!{place}" in ignored


def test_the_last_stage_builds_nothing_and_is_nobody_special() -> None:
    assert re.search(r"^USER 10001:10001$", last_stage(), re.MULTILINE)
    assert SERVICES["bot"]["user"] == "10001:10001"
    assert not re.search(r"\b(pip|apt|apt-get|gcc)\b", last_stage())


def test_the_folder_of_the_settings_leads_to_the_volume() -> None:
    assert instructions("WORKDIR")[-1] == "/etc/dingrun"
    assert "ln -s /data /etc/dingrun/data" in last_stage()
    settings = Settings()
    assert settings.store.url == "sqlite:///data/dingrun.db"
    assert settings.reports.dir == "data/reports"


def test_the_image_keeps_the_models_that_are_imported() -> None:
    named = {
        str(node.module).split(".")[1]
        for path in MODULES.values()
        if "alibabacloud_dingtalk" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("alibabacloud_dingtalk.")
    }
    assert named == KEPT_MODELS


def pins(file: str) -> set[str]:
    """The packages of a lock file, each with its version."""
    return set(re.findall(r"^[a-z].*==[\w.]+", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE))


def test_the_image_holds_what_the_tests_run_on() -> None:
    held = pins("requirements/deploy.txt")
    assert pins("requirements/run.txt") < held < pins("requirements/dev.txt")
    assert {pin.partition("==")[0].partition("[")[0] for pin in held} >= {"motor", "celery", "redis"}


async def test_the_health_check_tells_a_service_that_lives_from_one_that_does_not() -> None:
    app = web.Application()
    app.router.add_get("/healthz", ok)
    command = json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2])
    async with TestServer(app, host="127.0.0.1") as server:
        assert await ends_well(command, server.port) is True
    assert await ends_well(command, server.port) is False


async def ok(request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def ends_well(command: list[str], port: int | None) -> bool:
    program = [sys.executable, *command[1:]]
    process = await asyncio.create_subprocess_exec(
        *program, env={"DINGRUN_WEB__PORT": str(port)}, stderr=subprocess.DEVNULL
    )
    return await process.wait() == 0


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_the_systemd_unit_is_confined() -> None:
    unit = DEPLOY / "dingrun.service"
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert rated.returncode == 0, rated.stdout[-500:]


def test_the_systemd_unit_starts_the_service_as_the_command_line_takes_it() -> None:
    (line,) = re.findall(r"^ExecStart=(.+)$", (DEPLOY / "dingrun.service").read_text(encoding="utf-8"), re.M)
    program, *options = line.split()
    assert Path(program).name == "dingrun"
    context = main.make_context("dingrun", options, resilient_parsing=True)
    assert str(context.params["config"]).endswith("/config.yaml")
