"""A fake ARL: its documents, its scheduler second by second, its workers, and its REST API with its quirks.

What ARL does is written after three of its source trees; where those say nothing, what is done here instead
is marked as chosen.
"""

from bot.sandbox.arl.documents import ZONE
from bot.sandbox.arl.scheduler import ArlScheduler
from bot.sandbox.arl.server import KEY, FakeArl
from bot.sandbox.arl.world import Mirror, World

__all__ = ["KEY", "ZONE", "ArlScheduler", "FakeArl", "Mirror", "World"]
