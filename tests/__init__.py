"""The tests; their folders mirror those of the code."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
