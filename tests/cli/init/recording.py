"""The picture of a terminal for the docs, without what differs each time."""

import html
import io
import re
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from bot.cli.init.qr_code import draw_qr_code
from cards.catalogue import load_words
from tests.cli.init.terminal import COLUMNS
from tests.cli.init.walk import Walk

CODE, NUMBER, APP, SITE = "4NAQ-TCY2-PZ5I", "4821", "dingk3o7x2qv9m4t1s8a", "http://127.0.0.1:8790"
FOLDER, NEXT = "/srv/dingrun", "2026-12-01 03:00"
BLOCKS = re.compile("[█▀▄ ]+")
FONT_FACE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)  # loaded from another site
TEXT = re.compile(r'(<text [^>]*)textLength="[^"]*"([^>]*)>([^<]*)</text>')
ROW = re.compile(r'<text class="init-r\d+" x="[^"]*" y="([\d.]+)"[^>]*>([^<]*)</text>')
CELL_WIDTH = 12.2  # of rich's pictures
CURSOR = re.compile(r"\x1b\[\?\d+[hl]")


def picture_of(walk: Walk, folder: str) -> str:
    """Return the picture of all that the terminal showed, as SVG."""
    console = _recorder()
    for is_code, lines in groupby(_steady(walk, folder).split("\n"), key=_is_qr_code):
        if is_code:
            console.print(draw_qr_code(f"{SITE}/registration?user_code={CODE}", _recorder()))
        else:
            for line in lines:
                console.print(Text.from_ansi(line))
    title = "dingrun init --lang en" if walk.lang == "en" else "dingrun init"
    picture = console.export_svg(title=title, theme=MONOKAI, unique_id="init")
    return TEXT.sub(_fit, FONT_FACE.sub("", picture)) + "\n"


def lines_of(picture: str, lang: str) -> list[str]:
    """Return the text of a picture without the lines of `check`, which has tests of its own."""
    rows: dict[float, str] = {}
    for y, text in ROW.findall(picture):
        rows[float(y)] = rows.get(float(y), "") + html.unescape(text).replace("\xa0", " ")
    lines = [text.strip() for _, text in sorted(rows.items())]
    words = load_words("init", lang)
    begin, end = lines.index(words["check_heading"]), lines.index(words["card_heading"])
    return [*lines[:begin], *lines[end:]]


def _fit(found: re.Match[str]) -> str:
    """Give a text the width of its cells. rich counts characters; Chinese ones are two cells wide."""
    start, rest, text = found.groups()
    return f'{start}textLength="{cell_len(html.unescape(text)) * CELL_WIDTH:.1f}"{rest}>{text}</text>'


def _recorder() -> Console:
    return Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        color_system="256",
        force_terminal=True,
        highlight=False,
    )


def _steady(walk: Walk, folder: str) -> str:
    """Replace names, numbers and times that differ each time."""
    (registration,) = walk.sandbox.state.registrations.all()
    number = re.findall(r"@\S+ (\d{4})", walk.terminal.output)[0]
    app = registration.app.key if registration.app else ""
    text = CURSOR.sub("", walk.terminal.output.replace("\r\n", "\n"))
    for seen, shown in (
        (walk.sandbox.url, SITE),
        (walk.sandbox.url.replace("http", "ws", 1), SITE.replace("http", "ws", 1)),
        (registration.user_code, CODE),
        (app, APP),
        (f" {number}", f" {NUMBER}"),
        (folder, FOLDER),
    ):
        text = text.replace(seen, shown)
    return re.sub(r"\d{4}-\d\d-\d\d 03:00", NEXT, text).strip("\n")


def _is_qr_code(line: str) -> bool:
    plain = Text.from_ansi(line).plain
    return len(plain) > 20 and BLOCKS.fullmatch(plain) is not None
