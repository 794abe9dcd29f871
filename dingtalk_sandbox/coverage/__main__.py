"""Write the page of coverage: `python -m dingtalk_sandbox.coverage`, in a checkout."""

from pathlib import Path

import click

from dingtalk_sandbox.coverage.page import render
from dingtalk_sandbox.coverage.table import clients, families, parse_rules
from dingtalk_sandbox.server import ENDPOINTS

DOCS = Path("docs")
PAGE = "sandbox-coverage.md"


def current_page(docs: Path) -> str:
    """Return the page as it should be."""
    rules = parse_rules((docs / "fidelity.md").read_text(encoding="utf-8"))
    return render(families(ENDPOINTS, rules), clients())


@click.command
@click.option(
    "--docs", type=click.Path(path_type=Path, file_okay=False), default=DOCS, help="Folder of the pages."
)
def main(docs: Path) -> None:
    """Write the page from the endpoints, the table of documented ones, and the rules."""
    (docs / PAGE).write_text(current_page(docs), encoding="utf-8")


if __name__ == "__main__":
    main()
