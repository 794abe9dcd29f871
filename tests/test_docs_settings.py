"""Examples of settings and scenes in the docs are taken as they stand. The Chinese pages have the same."""

import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot.config.notify import NotifySettings
from bot.config.settings import Settings
from dingtalk_sandbox.scenario import parse_scenario
from tests import ROOT

BLOCK = re.compile(r"^ *```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
OTHERS = {"send_to", "scrape_configs"}
"""First keys of examples of something else: a part of a schedule, Prometheus."""
SCENES = "sandbox.md"


def examples() -> Iterator[tuple[str, str]]:
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            yield page.name, textwrap.dedent(block)


def taken(text: str) -> dict[str, object]:
    """Return the sections, with a value for each `…` that stands for one of a certain form."""
    filled = text.replace("sha256:…", f"sha256:{'0' * 64}").replace("AB:CD:…", ":".join(["AB"] * 32))
    return {name.lower(): section for name, section in yaml.safe_load(filled).items()}


EXAMPLES = [
    (page, text)
    for page, text in examples()
    if page != SCENES and next(iter(yaml.safe_load(text))) not in OTHERS
]


@pytest.mark.parametrize(("page", "text"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_an_example_of_settings_is_valid(page: str, text: str) -> None:
    assert Settings.model_validate(taken(text)).model_fields_set, page


def test_destinations_are_written_as_the_page_on_settings_says() -> None:
    (text,) = [text for page, text in examples() if page == "config.md" and text.startswith("send_to:")]
    routes = {"每日巡检": yaml.safe_load(text)["send_to"]}
    assert len(NotifySettings.model_validate({"routes": routes}).routes["每日巡检"]) == 4


def test_scenes_are_written_as_the_page_on_the_sandbox_says(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    shutil.copy(ROOT / "cards/platform/dingrun.json", tmp_path / "cards/mine.json")
    scenes = [text for page, text in examples() if page == SCENES]
    assert len(scenes) > 2
    for scene in scenes:
        parse_scenario(yaml.safe_load(scene), folder=tmp_path)


def test_most_pages_have_an_example() -> None:
    """Else the pattern finds nothing any more."""
    assert len(EXAMPLES) > 10
