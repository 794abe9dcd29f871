"""The passwords of `deploy/` come from files: the services can read them, and `docker inspect` shows none."""

import asyncio
import json
import os
import pty
import re
import shutil
import stat
import subprocess
import termios
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.config.loader import load, secret_files
from bot.config.loader.problems import holds_secret
from bot.config.reference import settings_below
from tests.brokers import free_port
from tests.scenarios.conftest import until
from tests.test_deploy import COMPOSE, DEPLOY, OURS, ROOT, SERVICES, instructions

EXAMPLE = (DEPLOY / "env.example").read_text(encoding="utf-8")
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside of a container


def variables(text: str) -> set[str]:
    """What compose puts in from `.env`, as in `${NAME:-}` and `${NAME:?why}`."""
    return set(re.findall(r"\$\{(\w+)", text))


def given(service: str) -> dict[str, str]:
    """The environment of a container, where `.env` is as empty as the example."""
    values = SERVICES[service].get("environment", {})
    return {name: re.sub(r"\$\{\w+:-\}", "", value) for name, value in values.items()}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets that `make-secrets` makes."""
    folder = tmp_path_factory.mktemp("deploy")
    shutil.copy(DEPLOY / "make-secrets", folder)
    make_secrets(folder)
    return folder / "secrets"


def make_secrets(folder: Path, typed: str = "the app secret\n") -> "subprocess.CompletedProcess[str]":
    # root makes files of any group; others have the group that they are in
    group = 10001 if os.geteuid() == 0 else os.getegid()
    script = folder / "make-secrets"
    script.write_text(script.read_text(encoding="utf-8").replace("group=10001", f"group={group}"))
    return subprocess.run(  # noqa: S603 - our own
        ["/bin/sh", str(script)], input=typed, capture_output=True, text=True, check=False
    )


def mount_secrets(service: str, secrets: Path, folder: Path) -> Path:
    """Copy what a service gets under `/run/secrets`."""
    folder.mkdir()
    for name in SERVICES[service].get("secrets", ()):
        shutil.copy(secrets / name, folder)
    return folder


@pytest.mark.parametrize("name", OURS)
def test_containers_start_with_settings_that_are_ours(
    name: str, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = dict(pair.split("=", 1) for pair in instructions("ENV")[0].split())
    for variable, value in (image | given(name)).items():
        if variable != "PATH":
            monkeypatch.setenv(variable, value)
    if name == "bot":
        monkeypatch.setenv("DINGRUN_DINGDING__APP_KEY", "of .env")
    monkeypatch.setattr(secret_files, "CONTAINER_FOLDER", mount_secrets(name, secrets, tmp_path / "run"))
    settings = load(DEPLOY / "config.yaml")
    assert re.fullmatch(r"mongodb://dingrun:[0-9a-f]{48}@mongo:27017/dingrun", settings.store.url)
    assert (settings.reports.store, settings.exporter.kind) == ("gridfs", "celery")
    assert (settings.web.host, settings.web.port) == (EVERYWHERE, 8780)


def test_the_example_names_all_that_compose_asks_for() -> None:
    asked = variables((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.MULTILINE)) == dict.fromkeys(asked, "")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/deploy/.env", "/deploy/secrets/"} <= set(ignored)


def test_no_secret_is_in_an_environment_or_a_command() -> None:
    """What compose puts in is seen by `docker inspect`."""
    secret = {each.variable for each in settings_below() if holds_secret(each.field.annotation)}
    shown = {"DINGRUN_STORE__URL"} | secret
    for service in SERVICES.values():
        names = service.get("environment", {}).keys()
        assert not shown & names
        assert not [name for name in names if re.search(r"PASS|SECRET|TOKEN", name) and "_FILE" not in name]
    assert variables(EXAMPLE + json.dumps(COMPOSE)) == {
        "APP_KEY",
        "AGENT_ID",
        "DEFAULT_CHAT_ID",
        "PUBLIC_URL",
    }


def test_secrets_are_made_once_and_only_their_group_reads_them(secrets: Path) -> None:
    made = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert len(set(made.values())) == len(made)
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()} == {0o440}
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    again = make_secrets(secrets.parent, typed="")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == made


def test_without_the_secret_of_the_app_nothing_is_half_made(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "make-secrets", tmp_path)
    assert make_secrets(tmp_path, typed="").returncode == 1
    assert not (tmp_path / "secrets/DINGRUN_DINGDING__APP_SECRET").exists()
    done = make_secrets(tmp_path)
    assert (done.returncode, "the app secret" in done.stdout + done.stderr) == (0, False)


async def test_a_terminal_shows_again_what_is_typed_when_the_script_is_interrupted(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "make-secrets", tmp_path)
    ours, its = pty.openpty()

    async def echoes() -> bool:
        return bool(termios.tcgetattr(its)[3] & termios.ECHO)

    async def hides() -> bool:
        return not await echoes()

    script = await asyncio.create_subprocess_exec(
        *("/bin/sh", str(tmp_path / "make-secrets")), stdin=its, stderr=subprocess.DEVNULL
    )
    try:
        await until(hides)
        script.terminate()
        assert await script.wait() == 1
        assert await echoes()
    finally:
        os.close(ours)
        os.close(its)


def test_every_service_that_gets_secrets_can_read_them() -> None:
    for service in SERVICES.values():
        groups = [service["user"].partition(":")[2], *service.get("group_add", ())]
        assert ("10001" in groups) is bool(service.get("secrets"))
        for name in service.get("secrets", ()):
            assert COMPOSE["secrets"][name] == {"file": f"./secrets/{name}"}
    assert "\ngroup=10001" in (DEPLOY / "make-secrets").read_text(encoding="utf-8")


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js")
def test_mongodb_gets_the_user_of_the_url(secrets: Path, tmp_path: Path) -> None:
    url = (secrets / "DINGRUN_STORE__URL").read_text(encoding="utf-8")
    program = (DEPLOY / "mongo-user.js").read_text(encoding="utf-8").replace("/run/secrets", str(secrets))
    shell = "const log = each => console.log(JSON.stringify(each))\n"
    shell += "const db = {getSiblingDB: name => ({createUser: user => log([name, user])})}\n"
    done = subprocess.run(["node", "-e", shell + program], capture_output=True, text=True, check=True)  # noqa: S603, S607 - our own
    name, user = json.loads(done.stdout)
    assert url == f"mongodb://{user['user']}:{user['pwd']}@mongo:27017/{name}\n"
    assert user["roles"] == [{"role": "readWrite", "db": name}]


@pytest.mark.skipif(not shutil.which("redis-server"), reason="no Redis")
async def test_redis_wants_the_password_of_the_url_and_shows_it_to_nobody(secrets: Path) -> None:
    port = free_port()
    script = SERVICES["redis"]["command"][2].replace("$$", "$").replace("/run/secrets", str(secrets))
    command = [
        "/bin/sh",
        "-c",
        script.replace("redis-server -", f"redis-server - --bind 127.0.0.1 --port {port}"),
    ]
    server = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, cwd=secrets.parent)
    try:
        ping = SERVICES["redis"]["healthcheck"]["test"][1].replace("redis-cli", f"redis-cli -p {port}")
        await until(lambda: succeeds(ping))
        url = (secrets / "DINGRUN_EXPORTER__BROKER_URL").read_text(encoding="utf-8").strip()
        async with Redis.from_url(url.replace("redis:6379", f"127.0.0.1:{port}")) as client:
            assert await client.ping()
        shown = await asyncio.to_thread(Path(f"/proc/{server.pid}/cmdline").read_bytes)
        assert b"redis-server" in shown
        assert url[9:57].encode() not in shown
    finally:
        server.terminate()
        await server.wait()


async def succeeds(command: str) -> bool:
    process = await asyncio.create_subprocess_shell(command, stderr=subprocess.DEVNULL)
    return await process.wait() == 0


def test_the_systemd_unit_gives_every_file_of_its_folder_under_the_name_of_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id of `LoadCredential` and an underscore come before the names of the files in a folder."""
    unit = (DEPLOY / "dingrun.service").read_text(encoding="utf-8")
    (prefix, folder) = re.findall(r"^LoadCredential=(\w+):(/\S+)$", unit, re.MULTILINE)[0]
    (named,) = re.findall(rf"{folder}/(\w+)", unit)
    (tmp_path / f"{prefix}_{named}").write_text("of the file\n")
    (tmp_path / "config.yaml").write_text("DINGDING: {APP_KEY: k}")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    secret = load(tmp_path / "config.yaml").dingding.app_secret
    assert secret is not None
    assert secret.get_secret_value() == "of the file"
