"""Show `--help` in the language of its reader.

click writes the English of the code. Here each text is replaced by its translation in
`cards/words/help.yaml`, and broken by its width on the terminal: Chinese has no spaces to break at.
"""

import re
from collections.abc import Iterable, Iterator

import click

_WIDE = "\u2e80-\uffef"
_TOKEN = re.compile(rf"\[[^\]]*\]|(?:[{_WIDE}]|[^\s{_WIDE}]+)[、。，；：）]{{0,2}}|\s+")
"""What stays on one line."""
_VERBATIM = "\b\n"  # click keeps the lines of a paragraph that begins so


class HelpFormatter(click.HelpFormatter):
    """Translates what click writes."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, prefix or f"{_translate('Usage')}: ")

    def write_heading(self, heading: str) -> None:
        super().write_heading(_translate(heading))

    def write_text(self, text: str) -> None:
        super().write_text(_break(_translate(text), self.width - self.current_indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        listed = list(rows)
        first = min(max(len(term) for term, _ in listed), col_max) + col_spacing
        said = [(term, _break(_translate(text), self.width - first - 2)) for term, text in listed]
        super().write_dl(said, col_max, col_spacing)


class HelpContext(click.Context):
    """The context of a command whose help is translated."""

    formatter_class = HelpFormatter


class Command(click.Command):
    """A command whose help is translated."""

    context_class = HelpContext


class Group(click.Group):
    """Commands whose help is translated. Each is listed with its whole first paragraph."""

    context_class = HelpContext
    command_class = Command
    group_class = type

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, paragraphs(each.help)[0]) for name, each in self.commands.items()])


def paragraphs(text: str | None) -> list[str]:
    """Return the paragraphs of a docstring, each in one line."""
    return [" ".join(paragraph.split()) for paragraph in (text or "").split("\n\n")]


def _translate(text: str) -> str:
    from bot.cli.language import reader_language  # noqa: PLC0415 - only for `--help`
    from cards.catalogue import explain_help  # noqa: PLC0415

    context = click.get_current_context(silent=True)
    lang = reader_language(context.obj if context else None)
    said, mark, conditions = text.partition("  [")  # click adds those of an option
    translated = "\n\n".join(explain_help(paragraph, lang) for paragraph in paragraphs(said))
    return translated + mark + conditions.replace("default", explain_help("default", lang))


def _break(text: str, width: int) -> str:
    """Break paragraphs with Chinese into lines of so many columns. click does so with the others."""
    return "\n\n".join(
        paragraph if paragraph.isascii() else _VERBATIM + "\n".join(_lines(paragraph, width))
        for paragraph in text.split("\n\n")
    )


def _lines(paragraph: str, width: int) -> Iterator[str]:
    from bot.workbook.cells import display_width  # noqa: PLC0415

    line = ""
    for token in _TOKEN.findall(paragraph):
        if display_width(line + token) > width:
            yield line.rstrip()
            line = ""
        line += token if line else token.lstrip()
    yield line
