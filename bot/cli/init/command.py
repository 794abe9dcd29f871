"""The options of `dingrun init`."""

import sys
from pathlib import Path
from typing import Any, TextIO

import click

from bot.cli.help import Command

INTERRUPTED = 130  # exit status, as of a shell


@click.command(cls=Command)
@click.option("--lang", type=click.Choice(["zh-CN", "en"]), help="Language of questions, cards and answers.")
@click.option("--new-app", is_flag=True, help="Create an app at DingTalk: scan the QR code that is shown.")
@click.option("--client-id", help="Client ID of an app that there is.")
@click.option("--client-secret-file", type=click.File(), help="File with its Client Secret; - is stdin.")
@click.option("--group", help="Group that is told, cid…. Default: found by a number that you say there.")
@click.option("--admin", "admins", multiple=True, help="staffId of a person who may do everything.")
@click.option("--targets", help="Hosts, URLs, addresses or networks to scan, with commas between.")
@click.option("--name", help="Name of the schedule for --targets.")
@click.option("--cron", help="When it runs: five cron fields.")
@click.option("--arl-url", help="Address of an ARL to watch.")
@click.option("--arl-key-file", type=click.File(), help="File with its API key; - is stdin.")
@click.option("--arl-fingerprint", help="SHA-256 of its certificate, if the system does not trust it.")
@click.option("--job", help="Name of a job of another system: makes a key that may report it.")
@click.option(
    "--secrets", type=click.Choice(["file", "env"]), help="Where secrets go: config.yaml or dingrun.env."
)
@click.option("--sandbox", metavar="URL", help="Use the fake DingTalk at this address, of `dingrun sandbox`.")
@click.option("--no-card", "card", is_flag=True, default=True, flag_value=False, help="Send no first card.")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(1, 86_400),
    default=600.0,
    help="Seconds to wait for the number.",
)
@click.option(
    "--yes", is_flag=True, help="Ask nothing: options and defaults are the answers. Replaces config.yaml."
)
@click.pass_obj
def init(
    config: Path | None,
    /,
    *,
    client_secret_file: TextIO | None,
    arl_key_file: TextIO | None,
    yes: bool,
    **given: Any,
) -> None:
    """Set up DingTalk, the group and what is watched, and send a first card.

    Asks what it needs, and offers what config.yaml has as the default. Nothing is written before the end; a
    file that is replaced is kept as config.yaml.bak. Secrets are typed without an echo, or come from files.
    """
    from bot.cli.init.answers import Answers  # noqa: PLC0415 - `--help` needs none of it
    from bot.cli.init.dialogue import is_terminal  # noqa: PLC0415
    from bot.cli.init.guide import Guide  # noqa: PLC0415
    from bot.cli.language import LANG_OPTION  # noqa: PLC0415

    click.get_current_context().meta[LANG_OPTION] = given["lang"] or ""
    answers = Answers(client_secret=_content(client_secret_file), arl_key=_content(arl_key_file), **given)
    try:
        works = Guide(config, answers, interactive=not yes and is_terminal(), may_replace=yes).run()
    except (KeyboardInterrupt, EOFError):
        sys.exit(INTERRUPTED)
    if not works:
        sys.exit(1)


def _content(file: TextIO | None) -> str | None:
    return file.read().strip() if file else None
