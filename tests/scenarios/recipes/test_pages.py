"""The pages of recipes say the same in both languages, and every recipe has a test."""

from tests.scenarios.conftest import ROOT
from tests.scenarios.recipes.pages import recipes_of


def test_the_recipes_are_the_same_in_both_languages() -> None:
    assert recipes_of("docs/recipes") == recipes_of("docs/zh-CN/recipes") != {}


def test_every_block_of_code_is_a_recipe_with_a_test() -> None:
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests/scenarios/recipes").glob("test_*.py")
    )
    pages = [page.read_text(encoding="utf-8") for page in (ROOT / "docs/recipes").glob("*.md")]
    assert sum(page.count("\n```") for page in pages) == 2 * len(recipes_of("docs/recipes"))
    assert [name for name in recipes_of("docs/recipes") if f'"{name}"' not in tests] == []
