"""`dingrun sandbox`: run the fake DingTalk without importing the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from bot.errors import ConfigError
from bot.runtime import stop_on_signals
from bot.telemetry.logging import configure
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.scenario import Scenario, read_scenario


async def run_sandbox(*, host: str, port: int, scene: Path | None) -> None:
    """Run the fake DingTalk until SIGINT or SIGTERM. Raises `ConfigError` for an invalid scene."""
    configure("INFO")
    stop = stop_on_signals()
    async with sandbox_on(host, port, _read(scene) if scene else None) as sandbox:
        click.echo(f"  钉钉沙箱 / chat page   {sandbox.url}\n  停止 / stop            Ctrl-C")
        await stop.wait()


def _read(scene: Path) -> Scenario:
    try:
        return read_scenario(scene)
    except (OSError, UsageError) as error:
        raise ConfigError(f"--scene {scene}: {error}") from None


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
