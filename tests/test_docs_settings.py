"""Every example of settings in the documents is taken as it stands there. The Chinese pages have the same."""

import re
import textwrap
from collections.abc import Iterator

import pytest
import yaml

from bot.config.notify import NotifySettings
from bot.config.settings import Settings
from tests import ROOT

BLOCK = re.compile(r"^ *```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
OTHERS = {"send_to", "scrape_configs", "people", "templates"}
"""First keys of examples of something else: a part of a schedule, Prometheus, scenes of the sandbox."""


def examples() -> Iterator[tuple[str, str]]:
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            yield page.name, textwrap.dedent(block)


def taken(text: str) -> dict[str, object]:
    """Return the sections, with a value for each `…` that stands for one of a certain form."""
    filled = text.replace("sha256:…", f"sha256:{'0' * 64}").replace("AB:CD:…", ":".join(["AB"] * 32))
    return {name.lower(): section for name, section in yaml.safe_load(filled).items()}


EXAMPLES = [(page, text) for page, text in examples() if next(iter(yaml.safe_load(text))) not in OTHERS]


@pytest.mark.parametrize(("page", "text"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_an_example_of_settings_is_valid(page: str, text: str) -> None:
    assert Settings.model_validate(taken(text)).model_fields_set, page


def test_destinations_are_written_as_the_page_on_settings_says() -> None:
    (text,) = [text for page, text in examples() if page == "config.md" and text.startswith("send_to:")]
    routes = {"每日巡检": yaml.safe_load(text)["send_to"]}
    assert len(NotifySettings.model_validate({"routes": routes}).routes["每日巡检"]) == 4


def test_most_pages_have_an_example() -> None:
    """Else the pattern finds nothing any more."""
    assert len(EXAMPLES) > 10
