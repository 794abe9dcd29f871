"""The fake DingTalk of the demo."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.errors import ConfigError
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.scenario import Scenario


@asynccontextmanager
async def sandbox_on(host: str, port: int, scenario: Scenario | None = None) -> AsyncIterator[Sandbox]:
    """Run a sandbox. Raises `ConfigError` for a port in use."""
    sandbox = Sandbox(host=host, port=port, scenario=scenario)
    try:
        await sandbox.start()
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror}; choose another port") from None
    try:
        yield sandbox
    finally:
        await sandbox.stop()
