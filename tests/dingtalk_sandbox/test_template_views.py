"""What the page is given to draw of a card whose template was exported: one component after the other."""

import json
from typing import Any

import pytest

from dingtalk_sandbox.templates.document import parse_template
from dingtalk_sandbox.templates.drawing.view import PAINTERS, CardView, build_view
from dingtalk_sandbox.templates.scope import CardData
from tests.dingtalk_sandbox.template_builder import (
    Node,
    bound,
    component,
    export,
    param,
    text,
    variable,
    when,
)

ROWS = variable("rows", "loopArray", fields=[variable("name"), variable("parts", "loopArray")])


def draw(*nodes: Node, data: dict[str, Any] | None = None, lang: str = "zh", **more: Any) -> CardView:
    """Draw components with variables. Values that are no texts are sent as JSON."""
    values = {k: v if isinstance(v, str) else json.dumps(v) for k, v in (data or {}).items()}
    private, local = more.pop("private", {}), more.pop("local_data", {})
    template = parse_template(export(*nodes, **more))
    return build_view(template, CardData(public=values, private=private, local=local, lang=lang))


def shown(*nodes: Node, **more: Any) -> list[str]:
    """Return the texts that are drawn."""
    return [node["text"] for node in draw(*nodes, **more).nodes]


def say(content: str, **props: Any) -> Node:
    return component("BaseText", text=text(content), **props)


NUMBER = (variable("n", "number"), variable("s"), variable("flag", "boolean"))


@pytest.mark.parametrize(
    ("source", "data", "value"),
    [
        ("n + 1", {"n": 4}, "5"),
        ("n * 2 - 1 > 6 && !flag ? 'many' : \"few\"", {"n": 4, "flag": False}, "many"),
        ("concat('#', toStr(n), s)", {"n": 4, "s": "x"}, "#4x"),
        ("s == 'a' || s == 'b'", {"s": "b"}, "true"),
        ("arrayJoin(['a', s], '-')", {"s": "b"}, "a-b"),
        ("arrayGet([1, 2, 3], n % 2)", {"n": 3}, "2"),
        ("-n + 7 / 2", {"n": 1}, "2.5"),
        ("n / 0", {"n": 1}, ""),
        ("n == 0 || 7 / n > 1", {"n": 0}, "true"),
        ("n != 0 && 7 / n > 1", {"n": 0}, "false"),
        ("nothing.at[0].all", {}, ""),
        ("nothing + 1", {}, "1"),
        ("s ? s : 'empty'", {"s": ""}, "empty"),
    ],
)
def test_an_expression_is_computed(source: str, data: dict[str, Any], value: str) -> None:
    assert "".join(shown(say("${e}"), data=data, variables=NUMBER, expressions={"e": source})) == value


@pytest.mark.parametrize("path", ["rows[0].name", "rows[1]", "rows[" + "9" * 5000 + "]", "rows[²]"])
def test_a_path_that_leads_nowhere_is_empty(path: str) -> None:
    nowhere = component("BaseText", text=bound(path))
    assert shown(nowhere, data={"rows": ["a"]}, variables=(variable("rows", "stringArray"),)) == []


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_value_with_a_number_that_is_no_json_is_empty(number: str) -> None:
    """A browser could not read the messages of the conversation otherwise."""
    table = json.dumps(TABLE).replace('"again"', number, 1)
    declared = (variable("t", "table"),)
    assert draw(component("Table", data=bound("t")), data={"t": table}, variables=declared).nodes == []


def test_hostile_expressions_take_no_time() -> None:
    for source in ("!" * 1900 + "n", "n" + "||n" * 600, "(" * 1900, "[" * 1900, "'" * 1999, "x" * 5000):
        assert shown(say("|${e}"), data={"n": 0}, variables=NUMBER, expressions={"e": source})[0][0] == "|"
    for circle in ({"e": "f + 1", "f": "e + 1"}, {"e": "f" + "+f" * 99, "f": "e" + "+e" * 99}):
        assert shown(say("|${e}"), expressions=circle)[0][0] == "|"
    (filled,) = shown(say("|" + "${s}" * 10_000), data={"s": "x" * 20_000}, variables=NUMBER)
    assert len(filled) == 50_000


@pytest.mark.parametrize(
    ("op", "value", "given", "seen"),
    [
        ("equal", "ok", "ok", True), ("equal", 1, 1, True), ("notEqual", "ok", "bad", True),
        ("isTrue", "", "false", False), ("isFalse", "", "", True), ("isEmpty", "", "x", False),
        ("isNotEmpty", "", "x", True), ("greater", 3, 4, True), ("less", 3, 4, False),
        ("lengthNotEqual", 0, "", False), ("contain", "b", "abc", True), ("later", 1, "x", True),
    ],
)  # fmt: skip
def test_a_component_is_shown_when_its_condition_holds(op: str, value: Any, given: Any, seen: bool) -> None:
    assert shown(say("x", visible=when("v", op, value)), data={"v": given}, variables=(variable("v"),)) == (
        ["x"] if seen else []
    )


def test_a_private_variable_falls_back_to_the_public_value() -> None:
    declared = (variable("mine", private=True), variable("ours"))
    data = {"mine": "all", "ours": "all"}
    assert shown(say("${mine} ${ours}"), data=data, variables=declared) == ["all all"]
    private = {"mine": "me", "ours": "me"}
    assert shown(say("${mine} ${ours}"), data=data, private=private, variables=declared) == ["me all"]


def test_texts_of_a_template_are_in_the_language_of_the_viewer() -> None:
    words = {"type": "dynamicString", "i18n": True, "content": {"zh_Hans": "处理中", "en_US": "Working"}}
    both = component("BaseText", text=words)
    assert (shown(both), shown(both, lang="en")) == (["处理中"], ["Working"])


def test_a_loop_repeats_its_children_and_loops_nest() -> None:
    inner = component("Loop", say("${loop.x}/${at}"), listData=bound("rows[0].parts", loop=True))
    outer = component("Loop", say("${loop.name}"), inner, listData=bound("rows"))
    rows = [{"name": "a", "parts": [{"x": 1}, {"x": 2}]}, {"name": "b", "parts": []}]
    view = draw(outer, data={"rows": rows}, variables=(ROWS,), expressions={"at": "subdataIndex() + 1"})
    first, second = view.nodes[0]["children"]
    assert first["children"][0]["text"] == "a"
    assert [box["children"][0]["text"] for box in first["children"][1]["children"]] == ["1/1", "2/2"]
    assert [node["text"] for node in second["children"]] == ["b"]


def test_a_huge_loop_is_cut_and_says_so() -> None:
    view = draw(
        component("Loop", say("x"), listData=bound("rows")), data={"rows": [{}] * 900}, variables=(ROWS,)
    )
    assert (len(view.nodes[0]["children"]), view.truncated) == (200, True)
    many = [component("Loop", *[say("x")] * 30, listData=bound("rows"))]
    assert draw(*many, data={"rows": [{}] * 200}, variables=(ROWS,)).truncated


def test_a_grid_has_direction_width_and_background() -> None:
    grid = component(
        "Grid", say("a"), direction="horizontal", enableColSpan=True, colSpan=2, hasBackground=True,
        standardBackgroundColor="common_blue1_color", childGravity="rightCenter",
    )  # fmt: skip
    (box,) = draw(grid).nodes
    assert (box["direction"], box["grow"], box["fill"], box["gravity"]) == ("row", 2, "blue", "rightCenter")
    assert draw(component("Grid")).nodes == []


def test_an_unknown_component_is_a_box_with_its_children() -> None:
    (box,) = draw(component("Hologram", say("inside"))).nodes
    assert (box["type"], box["name"], box["children"][0]["text"]) == ("unknown", "Hologram", "inside")


def test_content_components_are_drawn() -> None:
    nodes = draw(
        component("Markdown", content={"type": "dynamicMarkdown", "valueType": "fixed", "value": "**${s}**"}),
        component("Divider"),
        component("Tag", text=text("new"), color={"valueType": "fixed", "value": "red"}),
        component("ProgressBar", progress=bound("n", "dynamicNumber")),
        component("Icon", icon={"type": "dynamicIcon", "valueType": "fixed", "value": {"icon": "icon_like"}}),
        component("Image", images={"valueType": "fixed", "value": "@media"}),
        component("Avatar", name=text("王敏")),
        component("CollapsePanel", say("a"), title=text("more"), contentVisible=False),
        say("big", styleType="standard", styleToken="common_h4_bold_text_style", color="common_red1_color"),
        data={"s": "x", "n": 140}, variables=NUMBER,
    ).nodes  # fmt: skip
    kinds = ["markdown", "divider", "tag", "progress", "icon", "image", "avatar", "panel", "text"]
    assert [n["type"] for n in nodes] == kinds
    assert (nodes[0]["text"], nodes[3]["percent"], nodes[7]["open"]) == ("**x**", 100, False)
    assert (nodes[8]["size"], nodes[8]["bold"], nodes[8]["tone"]) == ("h4", True, "red")


@pytest.mark.parametrize(
    ("kind", "drawn"), [("lineChart", "line"), ("histogram", "bar"), ("pieChart", "pie")]
)
def test_a_chart_has_its_finite_points(kind: str, drawn: str) -> None:
    points = [{"x": "a", "y": 1, "type": "t"}, {"x": "b", "y": "no"}, {"x": "c", "y": [1, 3]}, 5]
    chart = {"type": kind, "data": points, "config": {"stack": True, "color": ["#15B76C", "red;"]}}
    (node,) = draw(
        component("Chart", data=bound("c")), data={"c": chart}, variables=(variable("c", "chart"),)
    ).nodes
    assert (node["chart"], node["stack"], [(p["low"], p["y"]) for p in node["points"]]) == (
        drawn, True, [(0, 1), (1, 3)],
    )  # fmt: skip
    assert node["colors"] == ["#15B76C"]


@pytest.mark.parametrize(
    ("props", "height", "ratio"),
    [
        ({}, 0, 2),
        ({"isFixedHeight": True, "height": 140}, 140, 2),
        ({"isFixedHeight": False, "height": 140, "aspectRatio": {"valueType": "fixed", "value": 3}}, 0, 3),
        ({"isFixedHeight": True, "height": 9e9, "aspectRatio": 0}, 600, 0.5),
    ],
)
def test_a_chart_is_as_high_as_its_template_says(props: dict[str, Any], height: int, ratio: float) -> None:
    chart = {"type": "histogram", "data": [{"x": "a", "y": 1}]}
    (node,) = draw(
        component("Chart", data=bound("c"), **props), data={"c": chart}, variables=(variable("c", "chart"),)
    ).nodes
    assert (node["height"], node["ratio"]) == (height, ratio)


@pytest.mark.parametrize(
    ("axis", "ticks"), [(None, []), ({"ticks": 5}, []), ({"ticks": [8, 0, "x", True, 4]}, [0, 4, 8])]
)
def test_the_axis_of_a_chart_has_the_marks_that_the_data_names(axis: Any, ticks: list[int]) -> None:
    chart = {"type": "histogram", "data": [{"x": "a", "y": 1}], "config": {"yAxisConfig": axis}}
    (node,) = draw(
        component("Chart", data=bound("c")), data={"c": chart}, variables=(variable("c", "chart"),)
    ).nodes
    assert node["ticks"] == ticks


def test_a_chart_of_too_many_points_says_so() -> None:
    chart = {"type": "lineChart", "data": [{"x": str(n), "y": n} for n in range(1001)]}
    view = draw(component("Chart", data=bound("c")), data={"c": chart}, variables=(variable("c", "chart"),))
    assert (len(view.nodes[0]["points"]), view.truncated) == (1000, True)


TABLE = {
    "meta": [
        {"alias": "name", "aliasName": "任务", "dataType": "STRING", "weight": 60},
        {"alias": "go", "aliasName": "", "dataType": "BUTTON", "headerTextAlign": "left"},
    ],
    "data": [
        {"name": "a", "go": {"id": "again", "text": "重跑此项", "request": True, "color": "blue"}},
        {"name": "b", "go": {"id": "again", "text": "已停用", "request": True, "status": "disabled"}},
        {"name": {"value": 3, "textAlign": "right", "textColorToken": "common_orange1_color", "url": "https://a.example"}},
    ],
}  # fmt: skip


def test_a_table_has_cells_and_its_buttons_send_row_and_column() -> None:
    view = draw(component("Table", data=bound("t")), data={"t": TABLE}, variables=(variable("t", "table"),))
    (table,) = view.nodes
    assert [c["title"] for c in table["columns"]] == ["任务", ""]
    assert [row[0]["text"] for row in table["rows"]] == ["a", "b", "3"]
    assert (table["rows"][2][0]["align"], table["rows"][2][0]["tone"]) == ("right", "orange")
    first, second = view.buttons()
    assert (first["id"], first["text"], first["request"]) == ("again", "重跑此项", True)
    assert first["params"] == {"row": TABLE["data"][0], "column": TABLE["meta"][1]}
    assert second["status"] == "disabled"
    assert view.find("again", {"row": TABLE["data"][1]}) == view.controls[second["control"]]
    assert view.find("again", {"row": {}}) is None


FORM = {"fields": [
    {"name": "hidden", "type": "TEXT", "hidden": True, "defaultValue": "h"},
    {"name": "who", "label": "联系人", "type": "SELECT", "options": [{"value": "1", "text": "一"}],
     "defaultValue": {"index": 0, "value": "1"}},
]}  # fmt: skip


def test_a_form_has_its_fields_without_the_hidden_ones() -> None:
    form = component("Form", id="rerun", submitText=text("提交"), formSchema=bound("f"))
    view = draw(form, data={"f": FORM}, variables=(variable("f", "form"),))
    assert [(f["name"], f["kind"], f["value"]) for f in view.nodes[0]["fields"]] == [("who", "select", "1")]
    (button,) = view.buttons()
    assert (button["id"], button["kind"], [f["name"] for f in button["fields"]]) == (
        "rerun",
        "form",
        ["hidden", "who"],
    )


def test_inputs_show_what_is_kept_locally() -> None:
    options = [{"label": text("一"), "value": text("1")}, {"label": text("二"), "value": text("2")}]
    nodes = [
        component("Input", id="word", currentValue=text("${s}"), actionType="setLocalState",
                  localVarAction=bound("kept")),
        component("SelectBlock", id="pick", options=options, currentIndex=bound("n", "dynamicNumber")),
        component("Checkbox", checked=bound("flag"), actionType="request"),
        component("DatePickerBlock", id="day", pickerType="datetime", currentDate=text("2026-11-30 08:00")),
    ]  # fmt: skip
    data, local = {"s": "sent", "n": 1, "flag": True}, (variable("kept"),)
    fields = draw(*nodes, data=data, variables=NUMBER, local=local).fields()
    assert [(f["id"], f["kind"], f["value"]) for f in fields] == [
        ("word", "text", "sent"), ("pick", "select", "2"), ("1", "checkbox", True),
        ("day", "datetime", "2026-11-30 08:00"),
    ]  # fmt: skip
    typed = draw(*nodes, data=data, variables=NUMBER, local=local, local_data={"kept": "typed"})
    assert typed.fields()[0]["value"] == "typed"


def test_buttons_have_their_action_ids_and_params() -> None:
    grouped = {"list": [
        {"id": "2", "text": text("拒绝"), "actionType": "request", "actionId": text("reject")},
        {"id": "3", "text": text("同意"), "actionType": "request"},
    ]}  # fmt: skip
    event = {"type": "sendCardRequest", "params": {"actionId": "dyn", "params": {"k": [1]}}}
    view = draw(
        component("SingleButton", id_="node_1", text=text("go"), actionType="request",
                  params=[param("a", "x${s}"), param("b", variable="n")]),
        component("SingleButton", text=text("open"), actionType="url", url={"valueType": "fixed", "value": "https://a.example"}),
        component("ButtonList", buttons=grouped),
        component("Grid", say("area"), actionType="request"),
        component("SingleButton", text=text("d"), actionType="dynamicEvent", dynamicEventVar=bound("e")),
        data={"s": "y", "n": 4, "e": event},
        variables=(*NUMBER, variable("e", "dynamicEvent")),
    )  # fmt: skip
    found = [(b["id"], b["request"]) for b in view.buttons()]
    found.pop(1)
    assert found == [
        ("single_button_node_1", True), ("reject", True), ("3", True), ("grid", True), ("dyn", True),
    ]  # fmt: skip
    assert view.buttons()[0]["params"] == {"a": "xy", "b": 4}
    assert view.buttons()[1]["url"] == "https://a.example"
    assert view.buttons()[5]["params"] == {"k": [1]}


@pytest.mark.parametrize(("status", "seen"), [(None, ["处理中"]), ("3", ["done"]), ("5", [])])
def test_an_ai_card_shows_its_state(status: str | None, seen: list[str]) -> None:
    card = component(
        "AICardContainer",
        component("AICardStatusContainer", component("AIPending", pendingTip=text("处理中")), status=1),
        component("AICardStatusContainer", component("AICardContent", say("done")), status=3),
        flowStatusVar=bound("flowStatus"),
    )
    (box,) = draw(card, data={"flowStatus": status} if status else {}).nodes
    assert [node["text"] for node in box["children"]] == seen


@pytest.mark.parametrize("data", [{"config": {"autoLayout": True}}, {"autoLayout": "true"}])
def test_a_wide_card_says_so(data: dict[str, Any]) -> None:
    config = variable("config", "object", fields=[variable("autoLayout", "boolean")])
    assert draw(say("x"), data=data, variables=(config,)).wide
    assert not draw(say("x"), variables=(config,)).wide


@pytest.mark.parametrize(
    "junk", [None, 5, "x", [], [5], {}, {"list": 5}, {"value": {}}, {"content": {}}, {"content": []}]
)
def test_properties_of_any_shape_are_drawn(junk: Any) -> None:
    props = (
        "text", "visible", "listData", "data", "formSchema", "id", "options", "currentIndex", "buttons",
        "currentIndexes", "tags", "params", "events", "actionId", "icon", "images", "progress", "status",
        "flowStatusVar", "dynamicEventVar", "summaryContent", "checked", "width", "colSpan", "color",
        "aspectRatio",
    )  # fmt: skip
    for action in ("request", "url", "eventChain", "dynamicEvent", "setLocalState"):
        nodes = [
            component(name, say("x"), actionType=action, **dict.fromkeys(props, junk)) for name in PAINTERS
        ]
        assert json.dumps(draw(*nodes).as_json())
