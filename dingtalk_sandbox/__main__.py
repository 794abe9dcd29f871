"""The command line: `dingtalk-sandbox` (or `python -m dingtalk_sandbox`)."""

import asyncio
import json
import logging
import shlex
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from yarl import URL

from dingtalk_sandbox import Sandbox, __version__
from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.scenario import Scenario, read_scenario

if TYPE_CHECKING:
    from dingtalk_sandbox.intercept.interceptor import Interceptor

NO_TRUSTME = "--intercept needs another package: pip install trustme"
PROXY_PORT = 8791
PORT = click.IntRange(0, 65535)


@dataclass(frozen=True, kw_only=True)
class Options:
    host: str
    port: int
    scene: Scenario | None
    public_url: str
    intercept: int | None  # port of the proxy; None = nothing is intercepted
    ca_dir: Path | None
    replay: Any  # a transcript; None = nothing is restored


def _read_transcript(_: click.Context, parameter: click.Parameter, path: Path | None) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path else None
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--{parameter.name} {path}: {error}") from None


def _read_scene(_: click.Context, parameter: click.Parameter, path: Path | None) -> Scenario | None:
    try:
        return read_scenario(path) if path else None
    except (OSError, UsageError) as error:
        raise click.UsageError(f"--{parameter.name} {path}: {error}") from None


def _check_url(_: click.Context, parameter: click.Parameter, url: str) -> str:
    try:
        good = not url or (URL(url).scheme == "http" and bool(URL(url).host))
    except ValueError:
        good = False
    if not good:
        raise click.BadParameter(f"{url!r} is not a URL such as http://sandbox:8790")
    return url


@click.command()
@click.version_option(__version__, prog_name="dingtalk-sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=PORT,
    default=8790,
    show_default=True,
    help="Port of the page and of all APIs. 0: a free one.",
)
@click.option(
    "--scene",
    type=click.Path(path_type=Path),
    callback=_read_scene,
    help="YAML file with people, groups, apps and settings.",
)
@click.option(
    "--public-url",
    default="",
    callback=_check_url,
    metavar="URL",
    help="How others reach the sandbox, such as http://sandbox:8790 from another container.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    callback=_read_transcript,
    help="Transcript to continue, as GET /_sandbox/transcript saves it.",
)
@click.option("--intercept", is_flag=True, help="Answer api.dingtalk.com and oapi.dingtalk.com by a proxy.")
@click.option("--intercept-port", type=PORT, default=PROXY_PORT, show_default=True, help="Port of the proxy.")
@click.option(
    "--ca-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the certificate of --intercept. Default: a temporary one.",
)
def main(*, intercept: bool, intercept_port: int, **given: object) -> None:
    """Run a fake DingTalk with its API, its Stream and a chat page.

    It has no authentication: keep it on loopback.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    options = Options(intercept=intercept_port if intercept else None, **given)  # type: ignore[arg-type]  # by click
    asyncio.run(run(options))


async def run(options: Options) -> None:
    """Run until SIGINT or SIGTERM. Raises `click.UsageError` for a port in use."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        sandbox = Sandbox(host=options.host, port=options.port, scenario=options.scene)
        sandbox.url = options.public_url
        try:
            await stack.enter_async_context(sandbox)
        except OSError as error:
            told = f"--host {options.host}, --port {options.port}: {error.strerror}; choose another"
            raise click.UsageError(told) from None
        if options.replay is not None:
            _replay(sandbox, options.replay)
        click.echo(f"  钉钉沙箱 / chat page   {sandbox.url}\n  停止 / stop            Ctrl-C")
        if options.intercept is not None:
            click.echo(instructions(await _intercept(sandbox, options, stack)))
        await stop.wait()


def _replay(sandbox: Sandbox, transcript: Any) -> None:
    try:
        restored = sandbox.transcripts.replay(transcript)
    except UsageError as error:
        raise click.UsageError(f"--replay: {error}") from None
    click.echo(f"  恢复的消息 / restored  {restored['messages']}")


async def _intercept(sandbox: Sandbox, options: Options, stack: AsyncExitStack) -> "Interceptor":
    try:
        from dingtalk_sandbox.intercept.interceptor import Interceptor  # noqa: PLC0415 - needs an extra
    except ImportError:
        raise click.UsageError(NO_TRUSTME) from None
    made = Interceptor(sandbox, host=options.host, port=options.intercept or 0, folder=options.ca_dir)
    try:
        return await stack.enter_async_context(made)
    except OSError as error:
        told = f"--intercept-port {options.intercept}, --ca-dir {options.ca_dir or 'none'}: {error.strerror}"
        raise click.UsageError(told) from None


def instructions(interceptor: "Interceptor") -> str:
    """Return what a person copies into the shell in which the bot starts."""
    variables = interceptor.environment().items()
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables]
    heads = [
        f"  代理 / proxy           {interceptor.proxy}",
        f"  证书 / certificate     {interceptor.certificate}",
        "  在启动机器人的终端里执行 / run in the shell that starts the bot:",
    ]
    return "\n".join([*heads, "", *lines, ""])


if __name__ == "__main__":
    main(prog_name="dingtalk-sandbox")
