"""The documents and the settings say the same."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from bot.settings import Settings

ROOT = Path(__file__).parent.parent


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        below = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        many = "[]" if str(field.annotation).startswith("tuple") and below else ""
        shown = prefix + name + many
        if below and name != "webhooks":
            yield from keys(below[0], shown + ".")
        else:
            yield re.sub(r"^dingding\.(.*)", lambda found: "DINGDING." + found.group(1).upper(), shown)


@pytest.mark.parametrize("key", list(keys(Settings)))
def test_every_setting_is_documented(key: str) -> None:
    assert f"| `{key}` |" in (ROOT / "docs/config.md").read_text(encoding="utf-8")


def test_nothing_is_documented_that_is_no_setting() -> None:
    text = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)) == set(keys(Settings))


def test_the_example_shows_every_section_that_has_an_effect() -> None:
    shown: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    silent = {"quota"}
    assert {name.lower() for name in shown} == set(Settings.model_fields) - silent


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
