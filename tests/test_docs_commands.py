"""Every command line in the documents works: ours are parsed or run, of the others it is said why not."""

import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from itertools import dropwhile, groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner, Result

from bot.__main__ import main
from bot.exec.dingrun_exec import parse
from dingtalk_sandbox.__main__ import main as sandbox
from dingtalk_sandbox.templates.__main__ import main as templates

ROOT = Path(__file__).parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *(path for path in (ROOT / "docs").rglob("*.md") if "recipes" not in path.parts),
    *(ROOT / "dingtalk_sandbox").glob("README*.md"),
]
BLOCK = re.compile(r"^ *```bash\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
COMMANDS = "|".join(sorted(main.commands))
INLINE = re.compile(
    r"`((?:\.venv/bin/)?python -m bot(?: [^`…]*)?|dingrun(?:-exec)? [^`…]*|scripts/[^`]*"
    rf"|(?:{COMMANDS}) -[^`…]*)`"
)
CRON = re.compile(r"^(?:\S*[\d*]\S* +){5}")
ASSIGNMENT = re.compile(r"^[A-Z_]+=")
SEPARATORS = frozenset({"&&", "||", "|", ";"})
TYPED = "typed by tests/scenarios/docs"
OUTSIDE = {
    "$EDITOR": "opens an editor",
    "backup.sh": TYPED,
    "cd": TYPED,
    "chmod": TYPED,
    "cp": TYPED,
    "curl": TYPED,
    "docker": "needs Docker; tests/test_deploy.py reads the compose file",
    "export": TYPED,
    "install": TYPED,
    "jq": TYPED,
    "nuclei": f"{TYPED}, which have a stand-in of it",
    "openssl": TYPED,
    "pip": "installs; its files and extras are compared below and in tests/test_docs.py",
    "pre-commit": "installs a hook",
    "sudo": "needs root; tests/test_deploy_secrets.py runs make-secrets",
}
"""Programs that are not run here, with the reason."""


class Line(NamedTuple):
    page: str
    words: tuple[str, ...]


def words_of(line: str) -> list[str]:
    lexer = shlex.shlex(CRON.sub("", line), posix=True, punctuation_chars="|&;<>")
    lexer.commenters = ""
    lexer.whitespace_split = True
    return list(lexer)


def without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#\s.*$", "", line)


def lines_of(block: str) -> Iterator[str]:
    """Yield the lines of a block, without comments. A line goes on after a backslash and in a quotation."""
    line = ""
    for part in block.replace("\\\n", " ").splitlines():
        line = f"{line} {part.strip()}" if line else without_comment(part.strip())
        with suppress(ValueError):
            words_of(line)
            if line:
                yield line
            line = ""


def simple_commands(block: str) -> Iterator[list[str]]:
    """Yield the simple commands of a block as words, without assignments and comments."""
    for line in lines_of(block):
        words = words_of(line)
        for is_separator, command in groupby(words, SEPARATORS.__contains__):
            if not is_separator and (rest := list(dropwhile(ASSIGNMENT.match, command))):
                yield rest


def found_in(page: Path) -> Iterator[Line]:
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for words in simple_commands(block):
            yield Line(str(page.relative_to(ROOT)), tuple(words))


def sentences_of(page: Path) -> Iterator[Line]:
    """Yield the commands of ours that stand in sentences, such as `dingrun check --json`."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for found in INLINE.findall(text.replace(" --help`", "`")):
        words = f"{found} STAFFID".split() if found.endswith("--send") else found.split()
        program = [] if words[0].startswith((".venv", "python", "dingrun", "scripts")) else ["dingrun"]
        yield Line(str(page.relative_to(ROOT)), (*program, *words))


LINES = [line for page in PAGES for line in found_in(page)]
SENTENCES = sorted({line for page in PAGES for line in sentences_of(page)})


def accept(command: click.Command, arguments: list[str]) -> None:
    """Parse the arguments down to the last sub-command. Raises `click.UsageError` for a wrong one."""
    with command.make_context(command.name, arguments) as context:
        rest = [*context._protected_args, *context.args]
        if isinstance(command, click.Group) and rest:
            _, below, arguments = command.resolve_command(context, rest)
            assert below is not None
            accept(sandbox if below.name == "sandbox" else below, arguments)


def accept_module(name: str, arguments: list[str]) -> None:
    """Check `python -m name …`."""
    if name in ("bot", "dingtalk_sandbox.templates"):
        accept(main if name == "bot" else templates, arguments)
    elif name != "venv":
        assert importlib.util.find_spec(name) is not None
        for path in arguments if name == "pytest" else []:
            assert not path.startswith("tests/") or (ROOT / path).exists(), path


def accept_line(words: list[str]) -> None:
    """Check one command. Raises an error if it would not be taken."""
    if words[:4] == ["docker", "compose", "exec", "bot"]:
        words = words[4:]
    program, arguments = words[0].removeprefix(".venv/bin/"), words[1:]
    if program in ("python", "python3"):
        assert arguments[0] == "-m"
        accept_module(arguments[1], arguments[2:])
    elif program == "dingrun":
        accept(main, arguments)
    elif program == "dingtalk-sandbox":
        accept(sandbox, arguments)
    elif program == "dingrun-exec":
        parse(arguments)
    elif program == "pip":
        files = [after for flag, after in pairwise(arguments) if flag == "-r"]
        assert all((ROOT / file).exists() for file in files)
    elif program.startswith("scripts/"):
        assert (ROOT / program).exists()
    else:
        assert program in OUTSIDE, f"{program}: run it here, or say in OUTSIDE why not"


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.page}: {' '.join(line.words)[:60]}")
def test_a_command_line_of_the_docs_is_accepted(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (tmp_path / "mine.yaml").write_text("people: []\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DINGRUN_URL", "https://run.example.com")
    monkeypatch.setenv("DINGRUN_KEY", "key")
    accept_line(list(line.words))


@pytest.mark.parametrize("line", SENTENCES, ids=lambda line: f"{line.page}: {' '.join(line.words)[:60]}")
def test_a_command_in_a_sentence_is_accepted(line: Line) -> None:
    accept_line(list(line.words))


@pytest.mark.parametrize(
    "line",
    [
        "dingrun check --jsn",
        "python -m bot resnd",
        "dingrun-exec --lok skip -- x",
        "scripts/none",
        "unheard of",
    ],
)
def test_a_command_line_that_is_wrong_is_found(line: str) -> None:
    with pytest.raises((click.UsageError, SystemExit, AssertionError)):
        accept_line(line.split())


def test_each_page_has_the_command_lines_of_its_translation() -> None:
    for page in (ROOT / "docs/zh-CN").glob("*.md"):
        ours = {" ".join(line.words[:4]) for line in found_in(page) if "bot" in line.words}
        theirs = {" ".join(line.words[:4]) for line in found_in(ROOT / "docs" / page.name)}
        assert ours <= theirs, page.name


def said(words: str) -> Result:
    return CliRunner().invoke(main, shlex.split(words))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the settings of a bot without DingTalk, as the current one."""
    (tmp_path / "config.yaml").write_text("store:\n  url: sqlite:///dingrun.db\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_the_page_on_backups_says_can_be_done(home: Path) -> None:
    assert said("resend").exit_code == 0, "which makes the store"
    made = said("backup dingrun-2026-11-30.zip")
    assert (made.exit_code, (home / "dingrun-2026-11-30.zip").exists()) == (0, True), made.output
    refused = said("restore dingrun-2026-11-30.zip")
    assert (refused.exit_code, "--force" in refused.output) == (1, True), refused.output
    (home / "dingrun.db").unlink()  # the machine is lost
    restored = said("restore dingrun-2026-11-30.zip")
    assert restored.exit_code == 0, restored.output


def test_the_other_lines_of_the_docs_that_need_no_account_can_be_run(home: Path) -> None:
    assert said("resend").exit_code == 0
    assert said("audit --since 7d").exit_code == 0
    assert said("api key backup").exit_code == 0
    assert isinstance(json.loads(said("check --json").stdout)["ok"], bool)


def test_every_command_has_a_help() -> None:
    for name in main.commands:
        assert said(f"{name} --help").output.startswith(("用法: ", "Usage: ")), name
