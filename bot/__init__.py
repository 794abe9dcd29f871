"""DingRun: tells a DingTalk group what came of its scheduled runs, and takes orders from the chat."""

__version__ = "0.1.0"
