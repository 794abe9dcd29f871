"""The database of the fake ARL on a clock that a test turns."""

from arl_sandbox import ArlDatabase
from tests.fakes import FakeClock


class FakeClockDatabase(ArlDatabase):
    """ARL, in a test's own time."""

    clock: FakeClock
