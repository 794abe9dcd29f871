"""The page of symptoms says what `check` knows."""

import pytest

from bot.cli.check.reference import PAGES, SYMPTOMS, render
from cards.catalogue import load_topic


@pytest.mark.parametrize("lang", PAGES)
def test_the_page_is_rendered_from_the_causes(lang: str) -> None:
    """Run `python -m bot.cli.check.reference` after a change."""
    assert PAGES[lang].read_text(encoding="utf-8") == render(lang)


def test_every_cause_belongs_to_a_symptom() -> None:
    assert {cause for causes in SYMPTOMS.values() for cause in causes.split()} == load_topic("causes").keys()


def test_every_symptom_has_its_heading() -> None:
    keys = load_topic("symptoms").keys() - {"intro"}
    assert {key.removesuffix("_hint") for key in keys} == SYMPTOMS.keys()
