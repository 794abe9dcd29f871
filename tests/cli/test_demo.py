"""The command `demo`: what it refuses before anything starts."""

import pytest
from click.testing import CliRunner

from bot.__main__ import main


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_cannot_be_is_refused(port: str) -> None:
    done = CliRunner().invoke(main, ["demo", "--port", port])
    assert (done.exit_code, "0<=x<=65535" in done.output) == (2, True)
