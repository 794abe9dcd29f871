"""A fake ARL: its documents, its scheduler second by second, its workers, and its REST API with its quirks.

What ARL does is written after three of its source trees; where those say nothing, what is done here instead
is marked as chosen.
"""

from bot.sandbox.arl.answers import KEY
from bot.sandbox.arl.documents import ZONE
from bot.sandbox.arl.records import Pushing
from bot.sandbox.arl.scheduler import ArlScheduler, Rhythm
from bot.sandbox.arl.server import FakeArl
from bot.sandbox.arl.timeline import Timeline
from bot.sandbox.arl.worker import Tempo, Worker
from bot.sandbox.arl.world import Mirror, World

__all__ = [
    "KEY", "ZONE", "ArlScheduler", "FakeArl", "Mirror", "Pushing", "Rhythm", "Tempo", "Timeline", "Worker",
    "World",
]  # fmt: skip
