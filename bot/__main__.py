"""The command line: `dingrun` (or `python -m bot`) runs the service, and each sub-command does one thing."""

import asyncio
import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot import __version__
from bot.errors import ConfigError, DingRunError
from bot.files import PRIVATE_UMASK

if TYPE_CHECKING:
    from bot.config.loader import Settings


def _say(text: str, *, err: bool = False) -> None:
    """Say a line at the terminal; names and errors in it may come from anywhere."""
    from bot.telemetry.logging import for_terminal  # noqa: PLC0415

    click.echo(for_terminal(text), err=err)


class Commands(click.Group):
    """Says our own errors in one line and ends with 2 for a wrong setting, 1 for anything else."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            _say(str(error), err=True)
            sys.exit(2)
        except DingRunError as error:
            _say(str(error), err=True)
            sys.exit(1)


@click.group(cls=Commands, invoke_without_command=True)
@click.version_option(__version__, prog_name="dingrun")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Settings; without it ./config.yaml if there is one, else the defaults.",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """DingRun: tells a DingTalk group what came of its scheduled runs."""
    os.umask(PRIVATE_UMASK)
    from bot.telemetry.logging import guard_last_words  # noqa: PLC0415

    guard_last_words()
    ctx.obj = config
    if ctx.invoked_subcommand is None:
        _serve(config)


def _serve(config: Path | None) -> None:
    from bot.app import serve  # noqa: PLC0415 - `sandbox` and `--help` need none of it

    settings = _settings(config)
    asyncio.run(serve(settings))


def _settings(config: Path | None, *, quiet: bool = False) -> "Settings":
    """Read the settings, and log from now on without their secrets; `quiet` says only what goes wrong."""
    from bot.config.loader import load, secrets_of  # noqa: PLC0415
    from bot.telemetry.logging import configure  # noqa: PLC0415

    settings = load(config)
    configure("WARNING" if quiet else settings.log.level, secrets=secrets_of(settings))
    return settings


@main.command()
@click.option("--port", default=8790, show_default=True, help="Where the chat page is.")
@click.option("--no-browser", is_flag=True, help="Do not open the chat page.")
@click.option("--data", type=click.Path(path_type=Path), help="Keep runs and reports here.")
@click.option(
    "--engine",
    type=click.Choice(["embedded", "arl"]),
    default="embedded",
    show_default=True,
    help="arl: beside a fake ARL, which fires by itself.",
)
@click.option("--arl-mongo", metavar="URI", default="", help="mongodb://… for that ARL, read by the service.")
def demo(port: int, no_browser: bool, data: Path | None, engine: str, arl_mongo: str) -> None:
    """Sandbox, service and something to scan, in one command, without an account."""
    from bot.cli.demo.run import Demo, run  # noqa: PLC0415

    wish = Demo(port=port, data=data, engine=engine, arl_mongo=arl_mongo)
    asyncio.run(run(wish, None if no_browser else webbrowser.open))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Other than loopback on your own risk.")
@click.option("--port", default=8790, show_default=True)
@click.option(
    "--scene", type=click.Path(path_type=Path), help="A YAML file of people, groups, apps, switches."
)
def sandbox(host: str, port: int, scene: Path | None) -> None:
    """The fake DingTalk alone."""
    from bot.cli.sandbox import run_sandbox  # noqa: PLC0415

    asyncio.run(run_sandbox(host=host, port=port, scene=scene))


@main.command()
@click.pass_obj
def check(config: Path | None) -> None:
    """Try everything the service needs, once; nothing is sent, nothing created."""
    from bot.cli.check import examine  # noqa: PLC0415
    from bot.config.loader import describe_source  # noqa: PLC0415

    settings = _settings(config, quiet=True)
    _say(f"✓ 设置 / settings: {describe_source(config)}")
    if not asyncio.run(examine(settings, _say)):
        sys.exit(1)


@main.command()
@click.option("--concurrency", type=click.IntRange(1), help="Reports at once; default exporter.concurrency.")
@click.option("--ping", is_flag=True, help="Only ask whether a worker of this machine lives.")
@click.pass_obj
def worker(config: Path | None, concurrency: int | None, ping: bool) -> None:
    """Write reports for the bots on the same store and broker (exporter.kind: celery)."""
    from bot.cli.worker import answers, work  # noqa: PLC0415

    settings = _settings(config, quiet=ping)
    sys.exit(not answers(settings) if ping else work(settings, at_once=concurrency))


@main.command()
@click.argument("what", metavar="[RUN | JOB]", default="")
@click.pass_obj
def redeliver(config: Path | None, what: str) -> None:
    """Send again what did not arrive for sure: of one run, one job, or (without either) list it."""
    from bot.cli.resend import resend as ask  # noqa: PLC0415

    for line in asyncio.run(ask(_settings(config, quiet=True), what)):
        _say(line)


@main.command()
@click.argument("run_id", metavar="RUN")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write; default RUN.xlsx.")
@click.pass_obj
def export(config: Path | None, run_id: str, output: Path | None) -> None:
    """Write the Excel report of an ended run to a file."""
    from bot.cli.export import export_run  # noqa: PLC0415

    path = (output or Path(f"{run_id}.xlsx")).resolve()
    if path.exists():
        raise ConfigError(f"{path} is there already: name another file with -o")
    findings = asyncio.run(export_run(_settings(config, quiet=True), run_id, path))
    _say(f"{path}: {findings.rows} rows")


@main.command()
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="[TARGET]", required=False)
@click.pass_obj
def migrate(config: Path | None, source: str, target: str | None) -> None:
    """Carry a whole history from one store to another: sqlite:///… mongodb://…, or back.

    Without TARGET it goes to the `store.url` of the settings. Stop all bots first. It can be called again
    and goes on where it stopped.
    """
    from bot.cli.migrate import migrate as carry  # noqa: PLC0415
    from bot.config.loader import secrets_of  # noqa: PLC0415
    from bot.telemetry.logging import configure  # noqa: PLC0415
    from bot.telemetry.redaction import find_secrets  # noqa: PLC0415

    settings = _settings(config, quiet=True)
    target = target or settings.store.url
    configure("WARNING", secrets=[*secrets_of(settings), *find_secrets(source), *find_secrets(target)])
    folder = Path(settings.reports.dir) if settings.reports.store == "gridfs" else None
    asyncio.run(carry(source, target, _say, folder=folder))


if __name__ == "__main__":
    main(prog_name="dingrun")
