"""The documents and the settings say the same."""

import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, cast
from unittest.mock import AsyncMock, Mock

import pytest
import yaml
from pydantic import TypeAdapter

from bot.config.loader import load
from bot.config.reference import (
    PAGES,
    Setting,
    as_yaml,
    render_example,
    render_page,
    settings_below,
    translations,
)
from bot.config.settings import Settings
from bot.delivery.incidents.store_outage import PATIENCE
from bot.engines.arl.assets import FINDINGS
from bot.errors import missing_extra
from bot.messengers.dingtalk.stream import StreamConnection
from bot.reports.link_tokens import URL_PATH
from bot.wiring.api import PATHS
from bot.wiring.monitoring.operators import build_incident_monitor
from dingtalk_sandbox.coverage.__main__ import PAGE, current_page
from handlers import router
from tests.conftest import CoreHarness

ROOT = Path(__file__).parent.parent


CHINESE = translations()
SETTINGS = list(settings_below())


@pytest.fixture(autouse=True)
def without_variable_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are loaded here, and `DINGRUN_GOLDEN` is none."""
    monkeypatch.delenv("DINGRUN_GOLDEN", raising=False)


def keys() -> set[str]:
    return {setting.key for setting in SETTINGS}


@pytest.mark.parametrize(("lang", "page"), PAGES.items())
def test_the_pages_of_settings_are_as_their_model_says(lang: str, page: Path) -> None:
    """Else run `python -m bot.config.reference`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert render_page(text, lang, CHINESE) == text
    assert set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)) == keys()


def test_the_example_is_as_the_model_says() -> None:
    """Else run `python -m bot.config.reference`."""
    assert (ROOT / "config.yaml").read_text(encoding="utf-8") == render_example(CHINESE)


def test_the_page_of_coverage_is_as_the_endpoints_and_the_rules_say() -> None:
    """Else run `python -m dingtalk_sandbox.coverage`."""
    assert (ROOT / "docs" / PAGE).read_text(encoding="utf-8") == current_page(ROOT / "docs")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_every_setting_is_described_in_both_languages(setting: Setting) -> None:
    assert (setting.field.description or "").endswith(".")
    assert CHINESE[setting.key].endswith("。")


def test_every_translation_is_of_a_setting_or_a_section() -> None:
    sections = {key.partition(".")[0].removesuffix("[]") for key in keys()}
    assert CHINESE.keys() == keys() | sections


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_every_example_is_a_value_that_the_setting_takes(setting: Setting) -> None:
    kind: Any = setting.field.annotation
    for each in setting.field.metadata:
        kind = Annotated[kind, each]
    TypeAdapter(kind).validate_python(yaml.safe_load(as_yaml(setting.example)))


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("reports.keep_days", "whole number from 1 | `30` | Days to keep reports. | `90`"),
        ("web.port", "whole number from 0 to 65535 | `0`"),
        ("schedules[].ports", "list of ports | `[]`"),
        ("lang", "`zh-CN` or `en` | `zh-CN`"),
        ("schedules[].name", "text | required"),
        ("schedules[].notify_on", "`finished`, `failed`, `always` or `change` | `finished` |"),
        ("web.proxies", "list of addresses or networks | `[]`"),
        ("DINGDING.AGENT_ID", "whole number |  | AgentId of the app."),
    ],
)
def test_a_row_tells_type_default_and_meaning(key: str, row: str) -> None:
    assert f"| `{key}` | {row}" in (ROOT / "docs/config.md").read_text(encoding="utf-8")


def test_the_example_shows_every_section() -> None:
    shown: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert {name.lower() for name in shown} == set(Settings.model_fields)
    assert not load(ROOT / "config.yaml").configured


def test_what_the_example_has_as_comments_is_valid_too(tmp_path: Path) -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8").replace("schedules: []", "schedules:")
    plain = re.sub(r"^( *)# ?(?=[ -]*[A-Za-z_]+:( |$))", r"\1", text, flags=re.MULTILINE)
    (tmp_path / "config.yaml").write_text(plain, encoding="utf-8")
    settings = load(tmp_path / "config.yaml")
    assert [schedule.name for schedule in settings.schedules] == ["每日巡检"]
    assert settings.reports.link_secret
    assert settings.web.status_token


PAGES_OF_DOCS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
TRANSLATED = sorted(path.name for path in (ROOT / "docs/zh-CN").glob("*.md"))
NAMED_FILE = re.compile(r"`((?:bot|cards|handlers|tests|dingtalk_sandbox|arl_sandbox)/[\w./]+\.\w+)`")
HAN = re.compile(r"[\u4e00-\u9fff]")
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them from its headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES_OF_DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\(([^):]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        assert (page.parent / path).exists(), target
        assert not anchor or anchor in anchors(page.parent / path if path else page), target


@pytest.mark.parametrize("page", PAGES_OF_DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    for name in re.findall(NAMED_FILE, page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_page_and_its_translation_link_to_each_other(name: str) -> None:
    assert f"](zh-CN/{name})" in (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert f"](../{name})" in (ROOT / "docs/zh-CN" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_chinese_page_has_no_english_sentences(name: str) -> None:
    text = CODE.sub("", (ROOT / "docs/zh-CN" / name).read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if not line.startswith("English: ")]
    assert not [line for line in lines if re.search(r"(?:[A-Za-z]+ ){4}", line) and not HAN.search(line)]


def first_code_block(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.partition("```bash\n")[2].partition("```")[0].splitlines()


def test_the_readme_begins_with_two_lines_that_set_everything_up() -> None:
    demo, tests = first_code_block("README.md")
    assert demo.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert demo.endswith(" && .venv/bin/python -m bot demo")
    assert tests.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert tests.endswith(" && .venv/bin/python -m pytest")


def test_both_readmes_have_the_same_two_lines() -> None:
    assert first_code_block("README.md") == first_code_block("README.zh-CN.md")


GOLDEN = os.environ.get("DINGRUN_GOLDEN")
COMMAND_PAGES = {"docs/commands.md": "en", "docs/zh-CN/commands.md": "zh-CN"}
COMMAND_HEADINGS = {
    "en": "| in English | in Chinese | what it does |\n|---|---|---|",
    "zh-CN": "| 中文 | 英文 | 作用 |\n|---|---|---|",
}
COMMAND_TABLE = re.compile(r"(<!-- commands -->\n).*?(<!-- end -->)", re.DOTALL)


def command_table(lang: str) -> str:
    """Render the commands as the pages on daily use list them, the words of the page's language first."""
    order = (1, 0) if lang == "en" else (0, 1)
    rows = []
    for command in router.commands:
        first, second = (command.words[at] for at in order)
        usage = f"{first} {command.argument[lang]}".strip()
        rows.append(f"| `{usage}` | `{second}` | {command.summary[lang]} |")
    return "\n".join(["", COMMAND_HEADINGS[lang], *rows, "", ""])


@pytest.mark.parametrize(("page", "lang"), COMMAND_PAGES.items())
def test_the_pages_on_daily_use_list_every_command(page: str, lang: str) -> None:
    """Render the tables again with `DINGRUN_GOLDEN=1`."""
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    rendered = COMMAND_TABLE.sub(lambda found: found[1] + command_table(lang) + found[2], text)
    if GOLDEN:
        path.write_text(rendered, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == rendered
    assert rendered.count("<!-- commands -->") == 1


MAX_README_LINES = 80  # two screens
MAX_PICTURE_BYTES = 100_000


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_a_readme_is_short_and_shows_the_card_of_the_demo(page: str) -> None:
    """Draw the card again with `scripts/card-picture`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_README_LINES
    assert "](docs/card.png)" in text
    assert (ROOT / "docs/card.png").stat().st_size < MAX_PICTURE_BYTES


@pytest.mark.parametrize(("page", "folder"), [("README.md", "docs"), ("README.zh-CN.md", "docs/zh-CN")])
def test_a_readme_leads_to_every_translated_page(page: str, folder: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [name for name in TRANSLATED if f"]({folder}/{name}" not in text] == []


def test_extras_are_installed_from_the_checkout() -> None:
    """DingRun is not on PyPI: `pip install 'dingrun[mongo]'` finds nothing there, or a stranger's package."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").iterdir()]
    for path in [*pages, *(ROOT / "bot").rglob("*.py")]:
        words = path.read_text(encoding="utf-8")
        assert not re.search(r"pip install \S*dingrun", words), path
        named = set(re.findall(r"pip install '\.\[(\w+)\]'", words))
        assert named <= known["optional-dependencies"].keys(), path


@pytest.mark.parametrize("extra", ["apprise", "mongo", "celery"])
def test_a_missing_extra_is_one_that_there_is(extra: str) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extra in known["optional-dependencies"]
    assert f"pip install '.[{extra}]'" in str(missing_extra("store.url", extra))


GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ARL_PAGE = (ROOT / "docs/arl.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:engine|notify|store|reports)\.\w+)", ARL_PAGE)))
)
def test_a_setting_that_the_page_on_arl_names_is_one(name: str) -> None:
    assert name in keys()


def test_the_settings_on_the_page_on_arl_are_taken_as_they_are(tmp_path: Path) -> None:
    block = re.findall(r"```yaml\n(.*?)```", ARL_PAGE, re.DOTALL)[0]
    digest = ":".join(["AB"] * 32)
    (tmp_path / "config.yaml").write_text(block.replace("AB:CD:…", digest), encoding="utf-8")
    settings = load(tmp_path / "config.yaml")
    assert settings.engine.kind == "arl"
    assert list(settings.notify.routes) == ["每日扫描"]


def test_what_the_page_on_arl_says_is_read_is_what_is_read() -> None:
    asked = set(re.findall(r"`(?:GET|POST) (/[\w/]+/)", ARL_PAGE))
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot/engines/arl").glob("*.py"))
    assert asked == set(re.findall(r'"(/task[\w/]*/)"', sources)) | {"/task/stop/"}
    assert all(f"`{kind}`" in ARL_PAGE for kind in FINDINGS)


@pytest.mark.parametrize("page", ["docs/deploy.md", "docs/zh-CN/deploy.md"])
def test_the_reverse_proxy_passes_all_that_people_and_systems_reach(page: str) -> None:
    (found,) = re.findall(r"location ~ (\S+) \{", (ROOT / page).read_text(encoding="utf-8"))
    passed = re.compile(found)
    public = ("/status", "/status/login/x", f"{URL_PATH}x", *(f"{path}x" for path in PATHS))
    assert [each for each in public if not passed.match(each)] == []
    assert not passed.match("/metrics")
    assert not passed.match("/readyz")


def test_the_names_in_the_glossary_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| [^|]+ \| [^|]+ \| `(\w+)` \|", GLOSSARY, re.MULTILINE)
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot").rglob("*.py"))
    code += "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cards").glob("*.py"))
    assert len(rows) == GLOSSARY.count(" | `")
    assert set(rows) <= set(re.findall(r"\w+", code))


@pytest.mark.parametrize("page", ["docs/operate.md", "docs/zh-CN/operate.md"])
def test_the_page_for_operators_has_each_incident_and_when_it_is_told(core: CoreHarness, page: str) -> None:
    core.exporter.depends_on = dict.fromkeys(("broker", "worker"), AsyncMock())
    streams = {"": cast(StreamConnection, Mock())}
    monitor = build_incident_monitor(core.settings(), core.adapters, core.services, streams)
    told = {probe.part.split()[0]: probe.patience for probe in monitor.probes} | {"store": PATIENCE}
    row = r"^\| `(\w+)[^|]*\| (?:(\d+) (?:min|分钟)|at once|马上) \|"
    rows = re.findall(row, (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert {part: timedelta(minutes=int(minutes or 0)) for part, minutes in rows} == told
