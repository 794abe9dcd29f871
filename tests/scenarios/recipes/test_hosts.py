"""Recipes for jobs of hosts: what the group sees."""

import configparser
import shlex

import pytest

from tests.scenarios.recipes.pages import Workshop, find_client

pytestmark = pytest.mark.asyncio(loop_scope="module")

FULL = "echo copying; echo no space left on device >&2; exit 28"
INVOCATION = "d3adb33fd3adb33fd3adb33fd3adb33f"


def crontab(text: str) -> tuple[dict[str, str], list[str]]:
    """Read a crontab as cron does: variables, and commands behind five fields."""
    lines = text.splitlines()
    variables = dict(line.split("=", 1) for line in lines if line.startswith("DINGRUN_"))
    return variables, [line.split(maxsplit=5)[5] for line in lines if line[0].isdigit()]


async def test_crontab(shop: Workshop) -> None:
    shop.program("opt/backup.sh", FULL)
    shop.program("opt/sync.sh", "echo 3 files; echo refused >&2; exit 3")
    shop.write("tmp/sync.log", "")
    variables, (wrapped, plain) = crontab(shop.recipe("crontab"))
    assert await shop.sh(wrapped, **variables) == 28
    card = await shop.host.card("backup-db")
    assert ("退出码 28" in card, "no space left on device" in card) == (True, True)
    schedule = await shop.host.call("GET", "/v1/schedules/backup-db")
    assert (schedule["expect"]["cron"], schedule["expect"]["max_runtime"]) == ("0 3 * * *", 7200)
    await shop.sh(plain, **variables)
    card = await shop.host.card("sync")
    assert ("退出码 3" in card, "refused" in card) == (True, True)


async def test_the_units_of_systemd_are_valid(shop: Workshop) -> None:
    shop.program("opt/nightly.sh", FULL)
    units = [
        shop.write(f"units/nightly{name[len('systemd') :].replace('-', '.')}", shop.recipe(name))
        for name in ("systemd-service", "systemd-timer")
    ]
    done = await shop.host.run("systemd-analyze", "verify", "--man=no", *map(str, units))
    assert (done.code, [line for line in done.output.splitlines() if "nightly" in line]) == (0, [])


@pytest.mark.parametrize(
    ("script", "exit_status", "told"), [(FULL, "28", "退出码 28"), ("kill -9 $$", "KILL", "out of memory")]
)
async def test_systemd(shop: Workshop, script: str, exit_status: str, told: str) -> None:
    """Run the lines of the service as systemd does, with its variables."""
    shop.program("opt/nightly.sh", script)
    shop.program("bin/journalctl", f"echo {told}")
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(shop.recipe("systemd-service"))
    service = unit["Service"]
    name, value = service["Environment"].split("=", 1)
    rid = INVOCATION + exit_status
    variables = {name: value, "INVOCATION_ID": rid, "EXIT_STATUS": exit_status}
    for line in ("ExecStartPre", "ExecStart", "ExecStopPost"):
        await shop.sh(service[line].removeprefix("-"), **variables)
    run = next(each for each in await shop.host.runs("nightly") if each["id"] == rid)
    assert run["status"] == "failed"
    number = len(await shop.host.runs("nightly"))
    assert told in await shop.host.card("nightly", number)


async def test_1panel(shop: Workshop) -> None:
    shop.program("opt/site-backup.sh", "echo saved")
    assert await shop.sh(shop.recipe("1panel")) == 0
    assert "site-backup" in await shop.host.card("site-backup")


async def test_qinglong(shop: Workshop) -> None:
    """Source both files as its `otask.sh` does, with its variables."""
    shop.write("ql/task_before.sh", shop.recipe("qinglong-before"))
    shop.write("ql/task_after.sh", shop.recipe("qinglong-after"))
    shop.program("ql/scripts/Check_In.sh", "echo token expired; exit 5")
    main = """
        dir_log=ql/log log_path=check_in/1.log begin_timestamp=1764000000; mkdir -p ql/log/check_in
        main() { ql/scripts/"$1" >>"$dir_log/$log_path" 2>&1; }
        set -- Check_In.sh
        . ql/task_before.sh "$@"; main "$@"; . ql/task_after.sh "$@"
    """
    await shop.sh(main)
    card = await shop.host.card("ql-check_in")
    assert ("退出码 5" in card, "token expired" in card) == (True, True)
    (run,) = await shop.host.runs("ql-check_in")
    assert run["started_at"] < run["ended_at"]


async def test_runitor(shop: Workshop) -> None:
    shop.program("opt/backup.sh", FULL)
    line = shlex.split(shop.recipe("runitor"))
    assert line[line.index("-api-url") + 1] == f"{shop.host.url}/ping"
    if find_client("runitor"):
        assert await shop.sh(shop.recipe("runitor")) == 28
    else:
        await shop.replay("runitor")
    card = await shop.host.card("runitor-backup")
    assert ("退出码 28" in card, "no space left on device" in card) == (True, True)


async def test_borgmatic(shop: Workshop) -> None:
    """A backup without a repository fails; with one it succeeds."""
    if not find_client("borgmatic"):
        await shop.replay("borgmatic")
    else:
        shop.write("data/file", "content")
        folder = shop.host.folder
        where = f"source_directories: [{folder}/data]\nrepositories: [{{path: {folder}/borg}}]\n"
        shop.write("borgmatic.yaml", where + shop.recipe("borgmatic"))
        assert await shop.sh("borgmatic -c borgmatic.yaml create") != 0
        assert (
            await shop.sh(
                "borgmatic -c borgmatic.yaml repo-create -e none; borgmatic -c borgmatic.yaml create"
            )
            == 0
        )
    await shop.host.card("borgmatic", 2)
    assert {run["status"] for run in await shop.host.runs("borgmatic")} == {"failed", "success"}


FINDS = {
    "nuclei": (
        '{"template-id":"CVE-2021-44228","info":{"name":"Log4j","severity":"critical"},'
        '"host":"https://a.example.com","matched-at":"https://a.example.com/x"}\\n'
    ),
    "httpx": (
        '{"timestamp":"2026-11-29T03:00:00Z","url":"https://a.example.com","title":"Portal",'
        '"status_code":200,"tech":["nginx"]}\\n'
    ),
    "fscan": (
        '{\\n  "time": "2026-11-29T03:00:00Z",\\n  "type": "PORT",\\n  "target": "192.0.2.1",\\n'
        '  "status": "open",\\n  "details": {\\n    "port": 22\\n  }\\n}\\n'
    ),
}
"""What the scanners write, as their sources have it."""


@pytest.mark.parametrize("scanner", ["nuclei", "httpx", "fscan"])
async def test_scanners(shop: Workshop, scanner: str) -> None:
    """The programs are stand-ins that write what the real ones write to the file behind `-o`."""
    shop.program(
        f"bin/{scanner}", f"""while [ "$1" != -o ]; do shift; done; printf '%b' '{FINDS[scanner]}' >"$2" """
    )
    assert await shop.sh(shop.recipe(scanner)) == 0
    assert f"{scanner} 1" in await shop.host.card(scanner)
    (run,) = await shop.host.runs(scanner)
    assert run["assets"] == [scanner]
