"""The world of the fake ARL on a clock that a test turns."""

from arl_sandbox import World
from tests.fakes import FakeClock


class TurnedWorld(World):
    """ARL, in a test's own time."""

    clock: FakeClock
