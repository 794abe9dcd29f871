"""`dingrun-exec` on a host, against the whole program: what the group sees."""

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.scenarios.conftest import until
from tests.scenarios.reporting import PROGRAM, Host, reporting

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEDULES = {
    "drill": {"name": "备份演练", "rerun": {"runner": "db1"}},
    "sync": {"name": "长时间同步", "rerun": {"runner": "db1"}},
}
FLAKY = "sh -c 'echo copying; test -e mended || { echo no space left >&2; exit 7; }'"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Host]:
    async with reporting(tmp_path_factory.mktemp("host"), SCHEDULES) as host:
        yield host


async def test_the_service_serves_the_program(host: Host) -> None:
    async with host.session.get(f"{host.url}/v1/exec.py") as answer:
        assert await answer.read() == PROGRAM.read_bytes()


async def test_a_failure_is_a_card_with_the_last_line_and_counts(host: Host) -> None:
    script = "echo 12 rows; echo disk full >&2; exit 3"
    done = await host.wrap("-s", "export", "--count", r"rows=(\d+) rows", "--", "sh", "-c", script)
    card = await host.card("export")
    assert (done.code, "disk full" in card, "rows" in card) == (3, True, True)
    (run,) = await host.runs("export")
    assert (run["status"], run["exit_code"], run["counts"]) == ("failed", 3, {"rows": 12})


async def test_assets_and_a_file_come_with_the_card(host: Host) -> None:
    (host.folder / "found.jsonl").write_text('{"host": "a.example.com", "port": 443}\n')
    (host.folder / "周报.pdf").write_bytes(b"%PDF-1.7\n")
    words = ["--assets", "found.jsonl:nuclei:host,port", "--file", "周报.pdf", "--wait-delivered"]
    done = await host.wrap("-s", "portscan", *words, "--", "true")
    assert (done.code, "delivery: success" in done.output) == (0, True), done.output
    assert "nuclei" in await host.card("portscan")
    (run,) = await host.runs("portscan")
    assert (run["assets"], [file["name"] for file in run["files"]]) == (["nuclei"], ["周报.pdf"])


async def test_a_service_that_is_killed_between_start_and_end_is_told_by_the_next_call(host: Host) -> None:
    process = await host.start(
        sys.executable, str(PROGRAM), "-s", "spooled", "--", "sh", "-c", "read x; exit 4"
    )
    await until(lambda: has_run(host, "spooled"))
    await host.service.kill()
    await asyncio.wait_for(process.communicate(b"\n"), 60)
    assert len(list((host.folder / "spool").glob("*.json"))) == 1
    await host.service.start()
    await until(host.is_ready)
    await host.wrap("-s", "spooled", "--", "sleep", "2")
    await host.card("spooled", 2)
    assert [run["exit_code"] for run in await host.runs("spooled")] == [0, 4]
    assert len(await host.cards("spooled")) == 2
    assert not list((host.folder / "spool").glob("*.json"))


async def has_run(host: Host, slug: str) -> bool:
    return bool(await host.runs(slug))


async def start_runner(host: Host, slug: str, command: str) -> asyncio.subprocess.Process:
    words = ["--runner", "db1", "--allow", f"{slug}={command}"]
    return await host.start(sys.executable, str(PROGRAM), *words)


async def test_a_failure_is_rerun_from_its_card_by_a_runner_and_recovers(host: Host) -> None:
    await host.wrap("-s", "drill", "--", "sh", "-c", "echo no space left; exit 7")
    assert "no space left" in await host.card("备份演练")
    runner = await start_runner(host, "drill", FLAKY)
    (host.folder / "mended").touch()
    (card,) = [each for each in await host.chat.messages("card") if "备份演练" in each["variables"]["title"]]
    await host.chat.tap(card, "rerun")
    assert "恢复" in await host.card("备份演练", 2)
    runner.terminate()
    assert [run["status"] for run in await host.runs("drill")] == ["success", "failed"]


async def test_a_run_of_the_runner_is_stopped(host: Host) -> None:
    runner = await start_runner(host, "sync", "sleep 60")
    asked = await host.call("POST", "/v1/schedules/sync/runs")
    await until(lambda: is_running(host, "sync"))
    await host.call("POST", f"/v1/runs/{asked['run']}/stop")
    await host.card("长时间同步")
    runner.terminate()
    assert [run["status"] for run in await host.runs("sync")] == ["stopped"]


async def is_running(host: Host, slug: str) -> bool:
    return any(run["status"] == "running" for run in await host.runs(slug))


async def test_what_a_runner_does_not_allow_is_a_failure_that_says_so(host: Host) -> None:
    runner = await start_runner(host, "drill", "true")
    await host.call("POST", "/v1/schedules/sync/runs")
    assert "not allowed on db1" in await host.card("长时间同步", 2)
    runner.terminate()
