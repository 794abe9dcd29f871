"""A fake ARL: its documents, scheduler, workers and REST API, including known bugs.

Based on the source code of three ARL variants. Where the sources leave something open, a comment says
"assumed". "The fork" is the variant that records runs and pushes to DingTalk.
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
