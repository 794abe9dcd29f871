"""A fake ARL: its documents, its scheduler second by second, its workers, and its REST API with its quirks.

What ARL does is written after three of its source trees; where those say nothing, what is done here instead
is marked as chosen.
"""

from arl_sandbox.database import ArlDatabase, DocumentMirror
from arl_sandbox.documents import ZONE
from arl_sandbox.records import PushBehavior
from arl_sandbox.responses import API_KEY
from arl_sandbox.scheduler import ArlScheduler, Intervals
from arl_sandbox.server import FakeArl
from arl_sandbox.timeline import Timeline
from arl_sandbox.worker import StagePace, Worker

__all__ = [
    "API_KEY",
    "ZONE",
    "ArlDatabase",
    "ArlScheduler",
    "DocumentMirror",
    "FakeArl",
    "Intervals",
    "PushBehavior",
    "StagePace",
    "Timeline",
    "Worker",
]  # fmt: skip
