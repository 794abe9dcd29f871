"""The fake ARL's database on a fake clock."""

from arl_sandbox import ArlDatabase
from tests.fakes import FakeClock


class FakeClockDatabase(ArlDatabase):
    """An ArlDatabase whose clock is a FakeClock."""

    clock: FakeClock
