"""The table of documented endpoints: complete, and each emulated one has a rule and a test."""

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner

from dingtalk_sandbox.coverage.__main__ import main
from dingtalk_sandbox.coverage.page import render
from dingtalk_sandbox.coverage.table import (
    Client,
    Documented,
    Family,
    Status,
    clients,
    families,
    normalized,
    parse_rules,
)
from dingtalk_sandbox.server import ENDPOINTS

HERE = Path(__file__).parent
FAMILIES = families(ENDPOINTS, parse_rules((HERE.parents[1] / "docs/fidelity.md").read_text("utf-8")))
LISTED = [one for family in FAMILIES for one in family.endpoints]


def test_every_endpoint_of_the_sandbox_is_in_the_table() -> None:
    listed = {normalized(one.call) for one in LISTED}
    assert {normalized(endpoint.name) for endpoint in ENDPOINTS} <= listed


def test_no_call_is_listed_twice() -> None:
    assert len({one.call for one in LISTED}) == len(LISTED)


@pytest.mark.parametrize(
    "one", [one for one in LISTED if one.status is not Status.MISSING], ids=lambda one: one.call
)
def test_an_emulated_endpoint_has_a_rule(one: Documented) -> None:
    """Else add a row to docs/fidelity.md whose source is the page."""
    assert one.rules


@pytest.mark.parametrize("client", [one for one in clients() if one.test], ids=lambda one: one.client)
def test_the_test_of_a_client_is_there(client: Client) -> None:
    file, name = client.test.split("::")
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    assert name in {n.name for n in tree.body if isinstance(n, ast.AsyncFunctionDef | ast.FunctionDef)}


def test_a_client_that_was_not_tried_says_why() -> None:
    assert all(bool(one.test) != bool(one.reason) for one in clients())


def test_a_stub_of_a_scene_shows_as_one() -> None:
    upload = next(endpoint for endpoint in ENDPOINTS if endpoint.path == "/media/upload")
    shown = families([upload], [], ["POST /v1.0/im/chat/scenegroup/disband", upload.name])
    status = {one.page: one.status for family in shown for one in family.endpoints}
    assert (status["0748"], status["0646"], status["0747"]) == (Status.STUB, Status.EMULATED, Status.MISSING)


def test_the_stubs_of_a_scene_file_are_printed(tmp_path: Path) -> None:
    scene = tmp_path / "scene.yaml"
    scene.write_text("stubs: [{path: /v1.0/todo/tasks}]", encoding="utf-8")
    docs = str(HERE.parents[1] / "docs")
    done = CliRunner().invoke(main, ["--docs", docs, "--scene", str(scene)])
    assert done.output == (Path(docs) / "sandbox-coverage.md").read_text(encoding="utf-8")  # not documented


def test_the_page_counts_what_is_emulated() -> None:
    done, open_ = (
        Documented(call=call, page="0001", does="x", status=status, rules=())
        for call, status in (("GET /a", Status.EMULATED), ("GET /b", Status.MISSING))
    )
    page = render(
        [Family(name="F", pages="0001", endpoints=(done, open_))], [Client(client="c", language="x")]
    )
    assert "| F | 1 | 2 | 0001 |" in page
    assert "Clients: 0 of 1" in page
