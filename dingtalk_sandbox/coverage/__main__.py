"""Write the page of coverage: `python -m dingtalk_sandbox.coverage`, in a checkout."""

from collections.abc import Iterable
from pathlib import Path

import click

from dingtalk_sandbox.coverage.page import render
from dingtalk_sandbox.coverage.table import clients, families, parse_rules
from dingtalk_sandbox.scenario import read_scenario
from dingtalk_sandbox.server import ENDPOINTS

DOCS = Path("docs")
PAGE = "sandbox-coverage.md"


def current_page(docs: Path, stubs: Iterable[str] = ()) -> str:
    """Return the page as it should be. `stubs` are calls that a scene answers."""
    rules = parse_rules((docs / "fidelity.md").read_text(encoding="utf-8"))
    return render(families(ENDPOINTS, rules, stubs), clients())


@click.command
@click.option(
    "--docs", type=click.Path(path_type=Path, file_okay=False), default=DOCS, help="Folder of the pages."
)
@click.option(
    "--scene",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Print the page with the stubs of a scene, and write nothing.",
)
def main(docs: Path, scene: Path | None) -> None:
    """Write the page from the endpoints, the table of documented ones, and the rules."""
    if scene:
        click.echo(current_page(docs, [stub.call for stub in read_scenario(scene).stubs]), nl=False)
        return
    (docs / PAGE).write_text(current_page(docs), encoding="utf-8")


if __name__ == "__main__":
    main()
