"""The documents and the settings say the same."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from bot.config import PREFIX, load
from bot.engines.arl_finds import FINDINGS
from bot.errors import missing_extra
from bot.settings import Settings

ROOT = Path(__file__).parent.parent


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        below = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        many = "[]" if str(field.annotation).startswith("tuple") and below else ""
        shown = prefix + name + many
        if below and name not in {"webhooks", "apps"}:
            yield from keys(below[0], shown + ".")
        else:
            yield re.sub(r"^dingding\.(.*)", lambda found: "DINGDING." + found.group(1).upper(), shown)


@pytest.mark.parametrize("key", list(keys(Settings)))
def test_every_setting_is_documented(key: str) -> None:
    assert f"| `{key}` |" in (ROOT / "docs/config.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", list(keys(Settings)))
def test_every_setting_has_its_variable_and_an_example(key: str) -> None:
    text = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{re.escape(key)}` \|(.*)\|$", text, re.MULTILINE)
    type_, _, meaning, example, variable = (cell.strip() for cell in row.split("|"))
    assert variable == f"`{PREFIX}{key.partition('[]')[0].upper().replace('.', '__')}`"
    assert all((type_, meaning, example))


def default(key: str) -> object:
    """What a key of the tree is when nobody sets it; None for a list's items."""
    here: Any = Settings()
    for part in key.lower().split("."):
        here = getattr(here, part, None)
    return list(here) if isinstance(here, tuple) else here


@pytest.mark.parametrize("key", [key for key in keys(Settings) if default(key) not in (None, "")])
def test_defaults_are_documented_as_they_are(key: str) -> None:
    text = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    shown = re.search(rf"^\| `{re.escape(key)}` \| [^|]* \| `([^`]*)` \|", text, re.MULTILINE)
    assert shown is not None
    assert yaml.safe_load(shown.group(1)) == default(key)


def test_nothing_is_documented_that_is_no_setting() -> None:
    text = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)) == set(keys(Settings))


def test_the_example_shows_every_section() -> None:
    shown: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert {name.lower() for name in shown} == set(Settings.model_fields)


def test_what_the_example_has_as_comments_is_valid_too(tmp_path: Path) -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8").replace("schedules: []", "schedules:")
    plain = re.sub(r"^( *)# ?(?=[ -]*[A-Za-z_]+:( |$))", r"\1", text, flags=re.MULTILINE)
    (tmp_path / "config.yaml").write_text(plain, encoding="utf-8")
    settings = load(tmp_path / "config.yaml")
    assert [schedule.name for schedule in settings.schedules] == ["每日巡检"]
    assert settings.dingding.card_variables
    assert settings.web.status_token


def test_links_between_documents_lead_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_has_two_lines_that_set_everything_up() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    setup = [line for line in lines[:10] if "python3 -m venv" in line]
    assert len(setup) == 2
    assert "-m bot demo" in setup[0]
    assert "-m pytest" in setup[1]


def test_extras_are_installed_from_the_checkout() -> None:
    """DingRun is not on PyPI: `pip install 'dingrun[mongo]'` finds nothing there, or a stranger's package."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").iterdir()]
    for path in [*pages, *(ROOT / "bot").rglob("*.py")]:
        words = path.read_text(encoding="utf-8")
        assert not re.search(r"pip install \S*dingrun", words), path
        named = set(re.findall(r"pip install '\.\[(\w+)\]'", words))
        assert named <= known["optional-dependencies"].keys(), path


@pytest.mark.parametrize("extra", ["mongo", "celery"])
def test_a_missing_extra_is_one_that_there_is(extra: str) -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extra in known["optional-dependencies"]
    assert f"pip install '.[{extra}]'" in str(missing_extra("store.url", extra))


ARL_PAGE = (ROOT / "docs/arl.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:engine|notify|store|reports)\.\w+)", ARL_PAGE)))
)
def test_a_setting_that_the_page_on_arl_names_is_one(name: str) -> None:
    assert name in set(keys(Settings))


def test_the_settings_on_the_page_on_arl_are_taken_as_they_are(tmp_path: Path) -> None:
    block = re.findall(r"```yaml\n(.*?)```", ARL_PAGE, re.DOTALL)[0]
    digest = ":".join(["AB"] * 32)
    (tmp_path / "config.yaml").write_text(block.replace("AB:CD:…", digest), encoding="utf-8")
    settings = load(tmp_path / "config.yaml")
    assert settings.engine.kind == "arl"
    assert list(settings.notify.routes) == ["每日扫描"]


def test_what_the_page_on_arl_says_is_read_is_what_is_read() -> None:
    asked = set(re.findall(r"`(?:GET|POST) (/[\w/]+/)", ARL_PAGE))
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot/engines").glob("arl_*.py"))
    assert asked == set(re.findall(r'"(/task[\w/]*/)"', sources)) | {"/task/stop/"}
    assert all(f"`{kind}`" in ARL_PAGE for kind in FINDINGS)
