"""QR codes in a terminal, two rows of modules per line."""

import segno
from rich.console import Console
from rich.text import Text

BORDER_MODULES = 2  # of the four that the standard asks for; scanners are content
HALF_BLOCKS = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}  # upper and lower module, dark is 1
ON_ANY_BACKGROUND = "black on bright_white"


def draw_qr_code(url: str, console: Console) -> Text | None:
    """Draw the QR code of a URL, or return None if the terminal cannot show it.

    With colours, it is black on white. Without, the light modules are drawn, as most terminals are dark.
    """
    code = segno.make(url, error="l", micro=False)
    rows = [list(row) for row in code.matrix_iter(border=BORDER_MODULES)]
    if console.width < len(rows) or not console.encoding.lower().startswith("utf"):
        return None
    colored = console.color_system is not None
    if not colored:
        rows = [[1 - module for module in row] for row in rows]
    if len(rows) % 2:
        rows.append([0 if colored else 1] * len(rows))
    lines = [
        "".join(HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
    return Text("\n".join(lines), style=ON_ANY_BACKGROUND if colored else "", no_wrap=True)
