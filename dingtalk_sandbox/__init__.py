"""A DingTalk of one's own on loopback: faithful on the wire, scriptable, nothing in it comes from a bot.

    async with Sandbox() as sandbox:
        bot = start_my_bot(openapi=sandbox.url, oapi=sandbox.url)

`docs/fidelity.md` lists every rule it keeps, with its source.
"""

from dingtalk_sandbox.scenario import Scenario, Settings
from dingtalk_sandbox.server import Sandbox

__all__ = ["Sandbox", "Scenario", "Settings"]
