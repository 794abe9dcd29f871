"""The commands of the pages are typed as they stand there, beside one sandbox and one service."""

import shutil
import time
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from arl_sandbox import ArlDatabase, FakeArl
from bot.config.loader import load
from bot.runtime import utc_now
from tests.arl_sandbox.tls import self_signed
from tests.scenarios.conftest import GROUP, ROOT
from tests.scenarios.docs.reader import Reader, reading
from tests.scenarios.reporting import Done
from tests.scenarios.test_inbound import answer

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOUND = """echo '{"template-id": "t", "matched-at": "x"}' >out.jsonl"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reader]:
    async with reading(tmp_path_factory.mktemp("reader")) as reader:
        yield reader


def codes(done: Sequence[Done]) -> list[int]:
    return [each.code for each in done]


async def test_a_job_of_another_host_has_a_card_in_one_minute(reader: Reader) -> None:
    reader.program("opt/backup.sh", "echo saved 3 files")
    assert codes(await reader.follow("docs/api.md", "In one minute")) == [0, 0, 0]
    assert "backup" in await reader.host.card("backup")


async def test_runs_assets_and_pings_are_reported_by_curl(reader: Reader) -> None:
    reader.program("bin/nuclei", FOUND)
    reader.program("bin/backup.sh", "exit 3")
    variables = {"KEY": reader.token, "BUILD_ID": "b1", "ID": "b1"}
    assert codes(await reader.follow("docs/api.md", "JSON API", variables=variables)) == [0]
    assert codes(await reader.follow("docs/api.md", "Assets", variables=variables)) == [0, 0]
    assert codes(await reader.follow("docs/api.md", "Pings")) == [0]
    assert "412" in await reader.host.card("nightly")
    assert "退出码 3" in await reader.host.card("backup-db")


async def test_dingrun_exec_wraps_a_job_and_runs_what_the_group_asks_for(reader: Reader) -> None:
    host = reader.host
    reader.program("opt/backup.sh", "echo saved 3 files")
    reader.program("opt/scan.sh", f"echo found 7; {FOUND}")
    key = {"DINGRUN_KEY": reader.token}
    assert codes(await reader.follow("docs/api.md", "dingrun-exec", variables=key)) == [0]
    assert "7" in await host.card("nightly-scan")
    (line,) = reader.lines("docs/api.md", "dingrun-exec", at=1)
    runner = await host.start("bash", "-c", f"exec {line}", **key)
    number = len(await host.cards("backup-db"))
    await host.chat.say("@DingRun 重跑 backup-db")
    await host.card("backup-db", number + 1)
    runner.terminate()
    await runner.wait()


async def test_administrators_have_the_commands_of_the_page_on_daily_use(reader: Reader) -> None:
    async with reader.host.session.put(
        f"{reader.host.url}/v1/runs/x1",
        json={"schedule": "weekly", "status": "success"},
        headers={"Authorization": f"Bearer {reader.token}"},
    ) as answer:
        reader.here["RUN"] = (await answer.json())["run"]
    await reader.host.card("weekly")
    variables = {
        "DINGRUN_WEB__PUBLIC_URL": "https://run.example.com",
        "DINGRUN_WEB__STATUS_TOKEN": "0f2e4d6c8b0a1f3e",
    }
    page, heading = "docs/commands.md", "When something is late or missing"
    listed, again, exported, setup, audit = await reader.follow(page, heading, variables=variables)
    assert (listed.code, listed.output) == (0, "没有要重发的\n")
    assert (again.code, "没有要重发的" in again.output) == (1, True)
    assert (exported.code, (reader.host.folder / "run.xlsx").exists()) == (0, True), exported.output
    assert codes([setup, audit]) == [0, 0], setup.output
    assert "setup" in audit.output


async def test_a_service_that_is_ready_says_so(reader: Reader) -> None:
    (ready,) = await reader.follow("docs/operate.md", "Health")
    assert (ready.code, '"status": "pass"' in ready.output) == (0, True), ready.output
    pinged: list[str] = []

    async def guard(request: web.Request) -> web.Response:
        pinged.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", guard)
    async with TestServer(app) as server:
        reader.here["https://hc-ping.com"] = str(server.make_url("")).rstrip("/")
        reader.here[f"{reader.host.folder}/etc/dingrun/config.yaml"] = "config.yaml"
        assert codes(await reader.follow("docs/operate.md", "An outer guard")) == [0]
    assert pinged == ["/…"]


async def test_a_bot_with_nothing_to_do_answers_as_soon_as_the_page_on_operation_says(reader: Reader) -> None:
    """The fastest of five counts, as the machine may be busy. Unless pools are woken, none is so fast."""
    waits = []
    for _ in range(5):
        asked = time.perf_counter()
        await answer(reader.host.chat, GROUP, text="@DingRun 帮助")
        waits.append(time.perf_counter() - asked)
    assert min(waits) < 0.1


async def test_a_checked_installation_passes(reader: Reader) -> None:
    (checked,) = await reader.follow("docs/start.md", "3. Or write the settings by hand")
    assert (checked.code, "✗" in checked.output) == (0, False), checked.output


async def test_init_takes_its_answers_as_options(reader: Reader) -> None:
    """It gets the address of the sandbox, and a folder of its own."""
    folder = reader.host.folder / "second"
    folder.mkdir()
    (folder / "secret.txt").write_text("sandbox-app-secret", encoding="utf-8")
    line = reader.lines("docs/start.md", "2. Set it up", at=1)[0]
    done = await reader.type_in_terminal(f"{line} --sandbox {reader.host.chat.sandbox.url}", folder)
    assert done.code == 0, done.output
    settings = load(folder / "config.yaml")
    assert (settings.access.admins, settings.dingding.default_chat_id) == (("user01",), GROUP)


async def test_the_certificate_of_an_arl_is_pinned_by_what_openssl_prints(reader: Reader) -> None:
    files = self_signed(reader.host.folder)
    async with FakeArl(database=ArlDatabase(utc_now), tls=files.context()) as arl:
        reader.here["HOST:5003"] = arl.url.removeprefix("https://")
        fingerprint, saved = await reader.follow("docs/arl.md", "Set it up", at=1)
    assert codes([fingerprint, saved]) == [0, 0]
    digest = fingerprint.output.strip().rpartition("=")[2]
    assert digest.replace(":", "").lower() == files.fingerprint
    assert "BEGIN CERTIFICATE" in (reader.host.folder / "arl.pem").read_text(encoding="utf-8")


async def test_the_files_for_containers_are_copied_as_the_page_says(reader: Reader) -> None:
    shutil.copytree(ROOT / "deploy", reader.host.folder / "deploy")
    enter, copy, *_ = reader.lines("docs/deploy.md", "Containers")
    assert (await reader.type(f"{enter} && {copy}")).code == 0
    assert (reader.host.folder / "deploy/.env").exists()


async def test_a_script_speaks_by_the_control_api(reader: Reader) -> None:
    (said,) = await reader.follow("docs/sandbox.md", "Messages from people")
    assert (said.code, '"delivered": true' in said.output) == (0, True), said.output


async def test_an_export_of_the_card_builder_is_checked(reader: Reader) -> None:
    (reader.host.folder / "cards").mkdir()
    shutil.copy(ROOT / "cards/platform/dingrun.json", reader.host.folder / "cards/mine.json")
    assert codes(await reader.follow("docs/sandbox.md", "Card templates")) == [0]
