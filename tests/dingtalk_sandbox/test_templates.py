"""Exports of the card builder: how they are read, described and loaded."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dingtalk_sandbox.errors import UsageError
from dingtalk_sandbox.scenario import parse_scenario, read_scenario
from dingtalk_sandbox.templates.__main__ import main
from dingtalk_sandbox.templates.description import describe_template
from dingtalk_sandbox.templates.document import MAX_COMPONENTS, parse_template
from tests.dingtalk_sandbox.harness import Client
from tests.dingtalk_sandbox.template_builder import bound, component, export, param, text, variable

ID = "mine.schema"
DEEP = json.loads('{"a":' * 100 + "1" + "}" * 100)
SMALL = export(
    component("BaseText", text=text("${title}：${count}")),
    component("SingleButton", text=text("重跑"), actionType="request", actionId=text("rerun"),
              params=[param("run", variable="title"), param("")]),
    variables=(variable("title"), variable("count", "number")),
)  # fmt: skip


def tree(*roots: Any) -> dict[str, Any]:
    return {"editorData": {"schema": {"componentsTree": list(roots)}}}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "not valid JSON"),
        ("[" * 5000, "not valid JSON"),
        ("[]", "must be a JSON object"),
        ({}, "editorData of the template must be a JSON object"),
        ({"editorData": "{"}, "editorData of the template is not valid JSON"),
        ({"editorData": {}}, "导出"),
        (DEEP, "nested too deeply"),
        ({"editorData": json.dumps(DEEP)}, "nested too deeply"),
        (" " * (4 * 1024 * 1024 + 1), "more than 4 MB"),
        (tree(5), "no componentName"),
        (tree({"componentName": "Card", "props": "x"}), "props of Card must be an object"),
        (tree(*[component("Divider")] * (MAX_COMPONENTS + 1)), f"more than {MAX_COMPONENTS} components"),
        ({"editorData": {"schema": {"componentsTree": [component("Card")]},
                         "variableList": [{}] * 1001}}, "more than 1000 variables"),
    ],
)  # fmt: skip
def test_what_is_no_export_gets_one_clear_error(given: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_template(given)


def test_components_get_unique_ids() -> None:
    design = parse_template(
        tree(component("Card", *(component("Divider", id_=i) for i in ("a", "a", "<", ""))))
    )
    ids = [c.id for c in design.components()]
    assert len(set(ids)) == 5
    assert "a" in ids
    assert "<" not in ids


def test_a_template_is_described() -> None:
    described = describe_template(parse_template(SMALL))
    assert [(v["name"], v["type"], v["scope"]) for v in described["variables"]] == [
        ("title", "string", "public"), ("count", "number", "public"),
    ]  # fmt: skip
    assert described["components"] == {"BaseText": 1, "Card": 1, "SingleButton": 1}
    assert described["requests"] == [{"component": "SingleButton", "actionId": "rerun", "params": ["run"]}]
    assert described["problems"] == []


def test_problems_of_a_template_are_found() -> None:
    given = export(
        component("BaseText", text=text("${heading} ${loop.name} ${label}")),
        component("ProgressBar", progress=bound("percent", "dynamicNumber")),
        variables=(variable("title"),),
        expressions={"label": "title ? 'a' :", "other": "today()"},
    )
    problems = describe_template(parse_template(given))["problems"]
    assert [p.partition(":")[0] for p in problems] == [
        "the expression 'label' cannot be read",
        "the expression 'other' cannot be read",
        "BaseText refers to the variable 'heading', which is not declared",
        "ProgressBar refers to the variable 'percent', which is not declared",
    ]


def test_the_command_checks_one_export(tmp_path: Path) -> None:
    good, bad, none = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "none.json"
    good.write_text(json.dumps(SMALL), encoding="utf-8")
    bad.write_text(json.dumps(export(component("BaseText", text=text("${x}")))), encoding="utf-8")
    run = CliRunner().invoke
    shown = run(main, [str(good)])
    assert (shown.exit_code, "rerun  (SingleButton)  run" in shown.output) == (0, True)
    assert json.loads(run(main, [str(good), "--json"]).output)["components"]["Card"] == 1
    assert "problems:" in run(main, [str(bad)]).output
    assert run(main, [str(bad)]).exit_code == 1
    failed = run(main, [str(none)])
    assert (failed.exit_code, "cannot read" in failed.output) == (2, True)


def test_a_scene_names_the_files_of_its_templates(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/mine.json").write_text(json.dumps(SMALL), encoding="utf-8")
    scene = tmp_path / "scene.yaml"
    scene.write_text(f"templates: {{{ID}: cards/mine.json}}", encoding="utf-8")
    scenario = read_scenario(scene)
    template = scenario.template(ID)
    assert (template and (template.name, template.buttons)) == ("mine", False)
    assert set(scenario.designs) == {ID}
    assert scenario.template("1366a1eb-bc54-4859-ac88-517c56a9acb1.schema")


@pytest.mark.parametrize(
    ("templates", "problem"),
    [
        (5, "templates must be a list"),
        ({ID: "none.json"}, f"templates: {ID}: cannot read .*none.json"),
        ({ID: 5}, f"templates: {ID}: the template must be a JSON object"),
        ([{"id": ID, "export": SMALL}], "templates.name: Field required"),
        ({str(i): SMALL for i in range(51)}, "at most 50"),
    ],
)
def test_a_wrong_template_of_a_scene_is_named(tmp_path: Path, templates: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_scenario({"templates": templates}, folder=tmp_path)


async def test_templates_are_loaded_by_the_control_api_and_survive_a_reset(client: Client) -> None:
    answer = await client.control("templates", {ID: SMALL})
    assert [(t["id"], t["components"]["Card"]) for t in answer["templates"]] == [(ID, 1)]
    await client.control("reset")
    listed = (await client.call("GET", "/_sandbox/templates")).body["templates"]
    assert [t["id"] for t in listed] == [ID]
    saved = (await client.call("GET", "/_sandbox/save")).body
    await client.control("scene", saved)
    assert [t["id"] for t in (await client.call("GET", "/_sandbox/templates")).body["templates"]] == [ID]


@pytest.mark.parametrize("path", ["templates", "scene"])
async def test_no_file_is_read_over_http(client: Client, path: str) -> None:
    body = {"x.schema": "/etc/passwd"}
    answer = await client.post(f"/_sandbox/{path}", body if path == "templates" else {"templates": body})
    assert (answer.status, "files are not read here" in answer.body["error"]) == (400, True)


async def test_a_wrong_load_says_what_is_accepted(client: Client) -> None:
    answer = await client.post("/_sandbox/templates", [])
    assert (answer.status, "expected {id: export}" in answer.body["error"]) == (400, True)
