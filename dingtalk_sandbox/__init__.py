"""A fake DingTalk server for developing and testing bots, driven by a control API and a chat page.

    async with Sandbox() as sandbox:
        bot = start_my_bot(openapi=sandbox.url, oapi=sandbox.url)

It depends on no bot. `docs/fidelity.md` lists the rules it emulates, with their sources.
"""

from dingtalk_sandbox.scenario import Scenario
from dingtalk_sandbox.server import Sandbox
from dingtalk_sandbox.settings import Settings

__all__ = ["Sandbox", "Scenario", "Settings", "__version__"]
__version__ = "0.1.0"
