"""Single steps: what is heard in the group, certificates of an ARL, jobs that have a key, and the QR code."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import segno
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from arl_sandbox import API_KEY, FakeArl
from bot.cli.init.answers import Answers
from bot.cli.init.arl import add_arl
from bot.cli.init.draft import Draft, write_files
from bot.cli.init.group import FOUND, judge
from bot.cli.init.jobs import add_job
from bot.cli.init.qr_code import BORDER_MODULES, draw_qr_code
from bot.errors import ConfigError
from bot.models import Message, Person
from tests.arl_sandbox.database import FakeClockDatabase
from tests.arl_sandbox.tls import self_signed
from tests.cli.init.conftest import Background
from tests.cli.init.typing_person import TypedDialogue
from tests.factories import make_message
from tests.fakes import FakeClock

SAID = make_message("4821")


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (replace(SAID, group=True), FOUND),
        (replace(SAID, group=True, text="请看 4821！"), FOUND),
        (replace(SAID, group=True, text="@扫描3号 4821"), FOUND),
        (replace(SAID, group=True, text="你好"), "reply_other_text"),
        (replace(SAID, group=True, text="4820 4821 4822"), "reply_other_text"),
        (replace(SAID, group=True, text="14821"), "reply_other_text"),
        (replace(SAID, group=False), "reply_not_a_group"),
        (replace(SAID, group=True, sender=Person(id="", name="外部顾问")), "reply_outsider"),
        (replace(SAID, group=True, corp_id="ding1", sender_corp_id="ding2"), "reply_outsider"),
    ],
)
def test_only_a_member_who_says_the_number_in_a_group_counts(message: Message, outcome: str) -> None:
    assert judge(message, "4821") == outcome


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    values = {"DINGDING": {"APP_KEY": "dingx", "DEFAULT_CHAT_ID": "cid1"}}
    return Draft(
        path=tmp_path / "config.yaml",
        values=values,
        secrets={("DINGDING", "APP_SECRET"): "s3cret-of-the-app"},
    )


def test_a_certificate_that_nobody_knows_is_pinned_if_the_person_agrees(
    background: Background, draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = self_signed(tmp_path, names_its_host=True)
    database = FakeClockDatabase(FakeClock(), None)
    arl = background.open(lambda: FakeArl(database=database, tls=files.context()))
    typed = [arl.url, API_KEY, "n", arl.url, API_KEY, "y"]
    dialogue = TypedDialogue(monkeypatch, *typed)
    add_arl(dialogue, draft, Answers())
    assert draft.get("engine", "fingerprint") == files.fingerprint.replace(":", "").lower()
    assert draft.secrets["engine", "api_key"] == API_KEY
    assert draft.settings().engine.kind == "arl"
    assert "It has no schedules yet" in dialogue.shown
    assert API_KEY not in dialogue.shown


def test_an_address_that_is_none_is_asked_again(
    background: Background, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    arl = background.open(lambda: FakeArl(database=FakeClockDatabase(FakeClock(), None)))
    dialogue = TypedDialogue(monkeypatch, "arl.example.com", API_KEY, arl.url, API_KEY)
    add_arl(dialogue, draft, Answers())
    assert "engine.url takes the address of ARL" in dialogue.shown


def test_an_address_of_the_command_line_that_fails_is_typed_anew(
    background: Background, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    arl = background.open(lambda: FakeArl(database=FakeClockDatabase(FakeClock(), None)))
    dialogue = TypedDialogue(monkeypatch, arl.url, API_KEY)
    add_arl(dialogue, draft, Answers(arl_url="arl.example.com", arl_key=API_KEY))
    assert draft.get("engine", "url") == arl.url


async def repeat_the_key(request: web.Request) -> web.Response:
    return web.json_response({"code": 500, "message": f"unknown token {request.headers['Token']}"})


def test_a_server_that_repeats_the_key_does_not_show_it(
    background: Background, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = web.Application()
    app.router.add_get("/{path:.*}", repeat_the_key)
    server = background.open(lambda: TestServer(app))
    dialogue = TypedDialogue(monkeypatch, str(server.make_url("")), API_KEY)
    with pytest.raises(EOFError):  # nothing else is typed
        add_arl(dialogue, draft, Answers())
    dialogue.show(draft.secrets["DINGDING", "APP_SECRET"])
    assert "unknown token ***" in dialogue.shown
    assert API_KEY not in dialogue.shown
    assert draft.secrets["DINGDING", "APP_SECRET"] not in dialogue.shown


@pytest.mark.parametrize(("answer", "changed"), [("y", True), ("n", False)])
def test_a_job_keeps_its_key_unless_a_new_one_is_wanted(
    draft: Draft, monkeypatch: pytest.MonkeyPatch, answer: str, changed: bool
) -> None:
    dialogue = TypedDialogue(monkeypatch, "backup", "backup", answer)
    add_job(dialogue, draft, Answers())
    key = draft.get("api", "keys", "backup")
    add_job(dialogue, draft, Answers())
    assert (draft.get("api", "keys", "backup") != key) is changed
    assert draft.settings().api.keys.keys() == {"backup"}


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    first, second = tmp_path / "config.yaml", tmp_path / "folder"
    second.mkdir()  # a file cannot replace a folder
    first.write_text("old", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_files({second: "new", first: "new"})
    assert first.read_text(encoding="utf-8") == "old"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_symbolic_link_leads_to_the_new_file(tmp_path: Path) -> None:
    kept, link = tmp_path / "etc" / "dingrun.yaml", tmp_path / "config.yaml"
    kept.parent.mkdir()
    kept.write_text("old", encoding="utf-8")
    link.symlink_to(kept)
    assert write_files({link: "new"}) == [tmp_path / "config.yaml.bak"]
    assert link.is_symlink()
    assert kept.read_text(encoding="utf-8") == "new"


def console(*, width: int = 100, encoding: str = "utf-8", colors: bool = True) -> Console:
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    system = "truecolor" if colors else None
    return Console(file=screen, width=width, color_system=system, force_terminal=True)  # type: ignore[arg-type]


URL = "https://open-dev.dingtalk.com/fe/app?user_code=4NAQ-TCY2-PZ5I"
MODULES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


@pytest.mark.parametrize("colors", [True, False])
def test_the_qr_code_has_every_module_of_the_url(colors: bool) -> None:
    drawn = draw_qr_code(URL, console(colors=colors))
    assert drawn is not None
    rows: list[Sequence[int]] = []
    for line in drawn.plain.split("\n"):
        pairs = [MODULES[each] for each in line]
        rows += [[pair[0] for pair in pairs], [pair[1] for pair in pairs]]
    code = [list(row) for row in segno.make(URL, error="l", micro=False).matrix_iter(border=BORDER_MODULES)]
    dark = 1 if colors else 0
    assert [[int(module == dark) for module in row] for row in rows[: len(code)]] == code


@pytest.mark.parametrize("where", [console(width=20), console(encoding="ascii")])
def test_a_terminal_that_cannot_show_the_qr_code_gets_the_address_only(where: Console) -> None:
    assert draw_qr_code(URL, where) is None
