"""Check one export of the card builder: `python -m dingtalk_sandbox.templates FILE`."""

import json
from pathlib import Path

import click

from dingtalk_sandbox.errors import Json, UsageError
from dingtalk_sandbox.templates.description import describe_template
from dingtalk_sandbox.templates.document import parse_template
from dingtalk_sandbox.templates.loading import read_export


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(file: Path, *, as_json: bool) -> None:
    """List the variables, components and requests of an exported card template, and its problems.

    The exit status is 1 if there are problems, and 2 if the file is not an export.
    """
    try:
        described = describe_template(parse_template(read_export(file)))
    except UsageError as problem:
        raise click.UsageError(f"{file}: {problem}") from None
    click.echo(json.dumps(described, ensure_ascii=False, indent=2) if as_json else _as_text(described))
    raise SystemExit(1 if described["problems"] else 0)


def _as_text(described: Json) -> str:
    variables = [f"  {v['name']}  {v['type']}  {v['scope']}" for v in described["variables"]]
    expressions = [f"  {name} = {source}" for name, source in described["expressions"].items()]
    components = [f"  {name} × {count}" for name, count in described["components"].items()]
    requests = [
        f"  {r['actionId']}  ({r['component']})  {', '.join(r['params'])}".rstrip()
        for r in described["requests"]
    ]
    sections = {
        "variables": variables, "expressions": expressions, "components": components,
        "requests": requests, "problems": [f"  {problem}" for problem in described["problems"]],
    }  # fmt: skip
    return "\n".join(line for title, lines in sections.items() if lines for line in (f"{title}:", *lines))


if __name__ == "__main__":
    main(prog_name="python -m dingtalk_sandbox.templates")
