"""The command line: `dingrun` (or `python -m bot`) runs the service, and each sub-command does one thing."""

import asyncio
import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from bot import __version__
from bot.cli.help import Group
from bot.cli.init.command import init
from bot.errors import ConfigError, DingRunError
from bot.files import PRIVATE_UMASK

if TYPE_CHECKING:
    from bot.config.loader import Settings


def _say(text: str, *, err: bool = False) -> None:
    """Print a line, with control characters removed: names and errors may come from anywhere."""
    from bot.telemetry.logging import for_terminal  # noqa: PLC0415

    click.echo(for_terminal(text), err=err)


def _tell(text: str, config: Path | None, *, err: bool = False) -> None:
    """Print lines in the language of the settings, or of the option `--lang`."""
    from bot.cli.language import LANG_OPTION, in_language  # noqa: PLC0415

    context = click.get_current_context(silent=True)
    _say(in_language(text, config, context.meta.get(LANG_OPTION, "") if context else ""), err=err)


class Commands(Group):
    """Prints errors in the language of the settings.

    Exits with 2 for an invalid setting or wrong words on the command line, 1 for other errors.
    """

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.UsageError as error:
            _reject(error)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DingRunError as error:
            _tell(str(error), ctx.obj, err=True)
            sys.exit(2 if isinstance(error, ConfigError) else 1)
        except click.UsageError as error:
            _reject(error)


def _reject(error: click.UsageError) -> NoReturn:
    """Say what is wrong with the words on the command line, and how to find the right ones."""
    if isinstance(error, NoArgsIsHelpError):
        raise error  # click shows the help
    lines, context = [error.format_message()], error.ctx
    if context:
        lines = [context.get_usage(), f"Try {context.command_path} --help", *lines]
    _tell("\n".join(lines), context.obj if context else None, err=True)
    sys.exit(error.exit_code)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    epilog="In Chinese: DINGRUN_LANG=zh-CN dingrun --help",
)
@click.version_option(__version__, prog_name="dingrun")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Settings file. Default: ./config.yaml if it exists.",
)
@click.pass_context
def main(ctx: click.Context, config: Path | None) -> None:
    """DingRun: report scheduled runs to DingTalk. Without a command it runs the service."""
    os.umask(PRIVATE_UMASK)
    from bot.telemetry.logging import guard_last_words  # noqa: PLC0415

    guard_last_words()
    ctx.obj = config
    if ctx.invoked_subcommand is None:
        _serve(config)


main.add_command(init)


def _serve(config: Path | None) -> None:
    from bot.app import serve  # noqa: PLC0415 - `sandbox` and `--help` need none of it

    settings = _settings(config)
    asyncio.run(serve(settings))


def _settings(config: Path | None, *, quiet: bool = False) -> "Settings":
    """Read the settings and configure logging without their secrets. `quiet` logs only warnings."""
    from bot.config.loader import collect_secrets, load  # noqa: PLC0415
    from bot.telemetry.logging import configure  # noqa: PLC0415

    settings = load(config)
    level, as_json = "WARNING" if quiet else settings.log.level, settings.log.format == "json" and not quiet
    configure(level, secrets=collect_secrets(settings), as_json=as_json)
    return settings


@main.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8790, show_default=True, help="Port of the chat page."
)
@click.option("--no-browser", is_flag=True, help="Do not open the chat page.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder for the data. Default: a temporary one."
)
@click.option(
    "--engine",
    type=click.Choice(["embedded", "arl"]),
    default="embedded",
    show_default=True,
    help="arl: with a fake ARL that starts runs by itself.",
)
@click.option("--arl-mongo", metavar="URI", default="", help="mongodb://… of the fake ARL.")
@click.option(
    "--card-template",
    type=click.Choice(["dingrun", "buttons", "ai"]),
    default="dingrun",
    show_default=True,
    help="dingrun: our own template; the others are public.",
)
def demo(no_browser: bool, **options: Any) -> None:
    """Run a fake DingTalk, the service and sites to scan, without an account."""
    from bot.cli.demo.run import Demo, run  # noqa: PLC0415

    asyncio.run(run(Demo(**options), None if no_browser else webbrowser.open))


@main.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def sandbox(options: tuple[str, ...]) -> None:
    """Run only the fake DingTalk: the command `dingtalk-sandbox` with all its options."""
    from dingtalk_sandbox.__main__ import main as run  # noqa: PLC0415

    run.main(list(options), prog_name="dingrun sandbox", standalone_mode=False)


@main.command()
@click.option("--send", "person", metavar="STAFFID", default="", help="Send one of each kind to this person.")
@click.option("--groups", is_flag=True, help="With --send: also post to the groups of the custom robots.")
@click.option("--json", "as_json", is_flag=True, help="Print an object with `ok` and `checks`.")
@click.pass_obj
def check(config: Path | None, person: str, *, groups: bool, as_json: bool) -> None:
    """Test the settings, this machine and every connection. Without --send, sends and creates nothing.

    Exits with 1 if a check fails, with 2 if the settings are invalid.
    """
    from bot.cli.check import SendRequest  # noqa: PLC0415
    from bot.cli.check.command import parse_person, run_check  # noqa: PLC0415

    if groups and not person:
        raise click.UsageError("--groups needs --send STAFFID")
    request = SendRequest(person=parse_person(person), groups=groups) if person else None
    sys.exit(run_check(config, request, _say, json=as_json))


@main.command()
@click.pass_obj
def setup(config: Path | None) -> None:
    """Set the shortcuts of the one-to-one chat with the robot. A second call changes nothing."""
    from bot.cli.setup import set_up  # noqa: PLC0415

    asyncio.run(set_up(_settings(config, quiet=True), _say))


@main.command()
@click.option("--concurrency", type=click.IntRange(1), help="Reports at once. Default: exporter.concurrency.")
@click.option("--ping", is_flag=True, help="Only check that a worker of this machine is alive.")
@click.pass_obj
def worker(config: Path | None, concurrency: int | None, ping: bool) -> None:
    """Write reports for the bots on the same store and broker (exporter.kind: celery)."""
    from bot.cli.worker import is_alive, run_worker  # noqa: PLC0415

    settings = _settings(config, quiet=ping)
    sys.exit(not is_alive(settings) if ping else run_worker(settings, concurrency=concurrency))


@main.command()
@click.argument("url", metavar="URL")
@click.pass_obj
def watch(config: Path | None, url: str) -> None:
    """Ping URL if the service of this machine is useful, else URL/fail. Run it from cron."""
    from bot.cli.watch import watch as ask_and_ping  # noqa: PLC0415

    if problem := asyncio.run(ask_and_ping(_settings(config, quiet=True), url)):
        _say(problem, err=True)
        sys.exit(1)


@main.command()
@click.argument("what", metavar="[RUN | JOB]", default="")
@click.pass_obj
def resend(config: Path | None, what: str) -> None:
    """Resend undelivered messages of a run, or one job. Without an argument, list them."""
    from bot.cli.resend import request_resend  # noqa: PLC0415

    for line in asyncio.run(request_resend(_settings(config, quiet=True), what)):
        _tell(line, config)


@main.command()
@click.option("--schedule", default="", help="Only this schedule: its id or whole name.")
@click.option("--person", default="", help="Only this person: the staffId or the whole name.")
@click.option("--since", default="", help="7d, 12h, 30m or 2026-11-28 [09:30]. Default: everything.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Newest entries.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="jsonl: one JSON object per line, times in UTC.",
)
@click.pass_obj
def audit(config: Path | None, /, form: str, **query: Any) -> None:
    """Show who asked for what, newest first, and what came of it."""
    from bot.cli.audit import AuditQuery, find_entries, print_entries  # noqa: PLC0415

    settings = _settings(config, quiet=True)
    entries = asyncio.run(find_entries(settings, AuditQuery(**query)))
    if entries or form == "jsonl":
        print_entries(entries, settings, form=form, say=_say)
    else:
        _tell("no entries", config)


@main.command()
@click.argument("run_id", metavar="RUN")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write. Default: RUN.xlsx.")
@click.pass_obj
def export(config: Path | None, run_id: str, output: Path | None) -> None:
    """Write the Excel report of a finished run to a file."""
    from bot.cli.export import export_run  # noqa: PLC0415

    path = (output or Path(f"{run_id}.xlsx")).resolve()
    if path.exists():
        raise ConfigError(f"{path} already exists: choose another file with -o")
    findings = asyncio.run(export_run(_settings(config, quiet=True), run_id, path))
    _tell(f"{path}: {findings.rows} rows", config)


@main.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_obj
def backup(config: Path | None, file: Path) -> None:
    """Copy the store and the reports to one file. The bots may go on meanwhile."""
    from bot.cli.backup import back_up  # noqa: PLC0415

    contents = asyncio.run(back_up(_settings(config, quiet=True), file.resolve()))
    _tell(f"{file}: the store and {len(contents.reports)} reports", config)


@main.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a store that has a history.")
@click.pass_obj
def restore(config: Path | None, file: Path, *, force: bool) -> None:
    """Restore a backup to the store of the settings, SQLite or MongoDB. Stop all bots first."""
    from bot.cli.restore import restore as replace_store  # noqa: PLC0415

    contents = asyncio.run(replace_store(_settings(config, quiet=True), file.resolve(), force=force))
    restored = f"restored the store of {contents.made_at:%Y-%m-%d %H:%M} UTC"
    _tell(f"{restored} and {len(contents.reports)} reports", config)


@main.group("api")
def api_group() -> None:
    """Manage the API through which other systems report their runs."""


@api_group.command("key")
@click.argument("name", metavar="NAME")
@click.option(
    "--kind",
    type=click.Choice(["ping", "token"]),
    default="ping",
    show_default=True,
    help="ping: in URLs; token: in the header Authorization.",
)
def api_key(name: str, kind: str) -> None:
    """Make a key for another system, and print it once."""
    from bot.cli.api_key import make_key  # noqa: PLC0415

    for line in make_key(name, kind):
        _say(line)


if __name__ == "__main__":
    main(prog_name="dingrun")
