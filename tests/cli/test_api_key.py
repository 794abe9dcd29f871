"""`dingrun api key NAME`."""

import pytest
import yaml
from click.testing import CliRunner

from bot.__main__ import main
from bot.api.keys import KeyKind
from bot.config.settings import Settings
from bot.wiring.api import build_keys


@pytest.mark.parametrize("kind", KeyKind)
def test_a_key_is_printed_with_the_settings_that_take_it(kind: KeyKind) -> None:
    result = CliRunner().invoke(main, ["api", "key", "backup", "--kind", kind.value])
    first, _, *section = result.output.splitlines()
    settings = Settings.model_validate(yaml.safe_load("\n".join(section)))
    found = build_keys(settings).find(first.rpartition(" ")[2], kind)
    assert found is not None
    assert found.name == "backup"


def test_an_odd_name_is_refused() -> None:
    result = CliRunner().invoke(main, ["api", "key", "a b"])
    assert result.exit_code == 2
