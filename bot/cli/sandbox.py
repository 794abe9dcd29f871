"""`dingrun sandbox`: the fake DingTalk alone, without the service and all that it imports."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from bot.errors import ConfigError
from bot.signals import stop_on_signals
from bot.telemetry.logging import configure
from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.scenario import read_scenario


async def run_sandbox(*, host: str, port: int, scene: Path | None) -> None:
    """Run the fake DingTalk alone until SIGINT or SIGTERM. Raises `ConfigError` for a scene that is wrong."""
    configure("INFO")
    stop = stop_on_signals()
    async with sandbox_on(host, port, scene) as sandbox:
        click.echo(f"  钉钉沙箱 / chat page   {sandbox.url}\n  停止 / stop            Ctrl-C")
        await stop.wait()


@asynccontextmanager
async def sandbox_on(host: str, port: int, scene: Path | None = None) -> AsyncIterator[Sandbox]:
    """The sandbox, running. Raises `ConfigError` for a port that is taken or a scene that is wrong."""
    try:
        sandbox = Sandbox(host=host, port=port, scenario=read_scenario(scene) if scene else None)
    except (OSError, UsageError) as error:
        raise ConfigError(f"--scene {scene}: {error}") from None
    try:
        await sandbox.start()
    except OSError as error:
        raise ConfigError(f"--port {port} cannot be had: {error.strerror}; name another one") from None
    try:
        yield sandbox
    finally:
        await sandbox.stop()
