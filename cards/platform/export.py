"""Write `dingrun.json`, which the card builder imports: `python -m cards.platform.export`.

The file has a variable for all that is shown, and no text of its own, so one template serves both languages.
What the card builder compiles from it (`widgetInfo`) it makes anew when the template is saved.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cards.platform.components import (
    Node,
    TextStyle,
    button_row,
    chart,
    divider,
    form,
    line,
    markdown,
    node,
    panel,
    progress_bar,
    table,
)
from cards.platform.events import Props, click, parameter, text, variable, visible

FILE = Path(__file__).parent / "dingrun.json"
FORM_ACTION = "rerun_targets"  # the button in `handlers/` that takes what the form sends

TITLE = TextStyle(style="common_h4_bold_text_style", color="common_level1_base_color", lines=3)
HEADING = TextStyle(style="common_body_text_style", color="common_level1_base_color", bold=True)
HINT = TextStyle(style="common_body_text_style", color="common_level1_base_color", lines=6)
SMALL = TextStyle(style="common_footnote_text_style", color="common_level1_base_color")

Fields = Mapping[str, Any]
"""Type of each field of a variable: a word of the builder, or fields again."""

VARIABLES: Mapping[str, tuple[str, Fields, str]] = {
    "config": ("object", {"autoLayout": "boolean"}, "宽屏 / wide on desktop"),
    "title": ("string", {}, "一句话的结论 / the verdict in one line"),
    "verdict": ("markdown", {}, "结果和变化 / outcome and differences"),
    "running": ("boolean", {}, "执行中 / running"),
    "progress": ("number", {}, "已结束的任务，百分比 / ended tasks in percent"),
    "has_failures": ("boolean", {}, "有失败 / something failed"),
    "failures_title": ("string", {}, ""),
    "failures": ("table", {"data": [], "meta": [{"aliasName": "string", "alias": "string",
                 "dataType": "string", "weight": "number"}]}, "失败的任务 / failed tasks"),
    "failures_more": ("string", {}, "没有列出的 / those not listed"),
    "report": ("markdown", {}, "报告 / report"),
    "has_history": ("boolean", {}, "有以前的执行 / there are earlier runs"),
    "history_title": ("string", {}, ""),
    "history": ("chart", {"type": "string", "data": [{"x": "string", "y": "number", "type": "string"}],
                "config": {}}, "最近的执行 / last runs"),
    "acts": ("markdown", {}, "谁做了什么 / who did what"),
    "has_form": ("boolean", {}, "可以选目标重跑 / targets can be chosen"),
    "form_title": ("string", {}, ""),
    "form": ("form", {"fields": [{"name": "string", "label": "string", "type": "string",
             "required": "boolean", "requiredMsg": "string", "placeholder": "string",
             "defaultValue": "string", "options": [{"value": "string", "text": "string"}]}]},
             "选目标重跑 / run chosen targets again"),
    "form_submit": ("string", {}, ""),
    "tips": ("string", {}, "提示；点按钮的人看到自己的回答 / hint, and the answer to a tap"),
    "buttons": ("loopArray", {"id": "string", "text": "string", "color": "string"}, "按钮 / buttons"),
    "ids": ("markdown", {}, "编号和文件名 / ids and file names"),
}  # fmt: skip
"""The variables: type, fields and description. `cards/rich_card.py` gives their values."""

PRIVATE = frozenset({"tips"})  # of which each person may have another value


def export() -> Mapping[str, Any]:
    """Return the whole file: two JSON documents as texts, and what kind of card it is."""
    return {
        "editorData": json.dumps(_editor_data(), ensure_ascii=False, separators=(",", ":")),
        "widgetInfo": WIDGET,
        "type": "im",
        "mode": "card",
    }


def layout() -> Sequence[Node]:
    """Return the components of the card from top to bottom."""
    failed, past = visible("has_failures"), visible("has_history")
    targets = form("form", "选目标重跑 / Form", "form", action=FORM_ACTION, submit="${form_submit}")
    return [
        line("title", "结论 / Title", "${title}", TITLE),
        markdown("verdict", "结果和变化 / Verdict", "verdict"),
        progress_bar("progress", "进度 / Progress", "progress", visible("running")),
        line("failures_title", "失败 / Failures", "${failures_title}", HEADING, failed),
        table("failures", "失败的任务 / Failed tasks", "failures", failed),
        line("failures_more", "没有列出的 / More", "${failures_more}", SMALL, _filled("failures_more")),
        markdown("report", "报告 / Report", "report", _filled("report")),
        line("history_title", "最近几次 / History", "${history_title}", HEADING, past),
        chart("history", "最近几次 / Chart", "history", past),
        markdown("acts", "谁做了什么 / Acts", "acts"),
        panel("panel", "选目标重跑 / Panel", "${form_title}", visible("has_form"), targets),
        line("tips", "提示 / Tips", "${tips}", HINT, _filled("tips")),
        button_row("buttons", "按钮 / Buttons", "buttons"),
        divider("divider"),
        markdown("ids", "编号 / IDs", "ids"),
    ]


def _filled(name: str) -> Props:
    return visible(name, "isNotEmpty")


def _editor_data() -> Mapping[str, Any]:
    mock = {"title": "⚠️ DingRun", "config": {"autoLayout": True}}
    events = {"fileName": "event_chain", "fileSource": "{}", "fileType": "json"}
    children = layout()
    used = dict.fromkeys(["Card", *(each["componentName"] for each in _walk(children))])
    return {
        "schemaVersion": "3.0.0",
        "schema": {
            "version": "1.0.0",
            "componentsMap": [_component(name) for name in used],
            "componentsTree": [_card(children)],
            "i18n": {},
        },
        "mockData": {"cardData": mock, "cardPrivateData": {}, "localData": {}, "richTextData": {}},
        "editVersion": 0,
        "customWidgetInfo": "",
        "useCustomWidgetInfo": False,
        "variableList": [_variable(name) for name in VARIABLES],
        **{name: [] for name in ("formList", "expList", "localList", "hsfList", "lwpList")},
        "extension": {"extendType": "NORMAL", "fileTypeList": [events]},
    }


def _card(children: Sequence[Node]) -> Node:
    fold = {"needFold": False, "heightLimit": 480, "foldStatusLocalDataKey": "_cardFoldStatusLocalDataKey"}
    props = {
        **click(),
        **{"linkCondition": visible(), "isLinkToCard": False, "autoFoldConfig": fold},
        **{"enableOnAppear": False, "onAppear": click(), "summaryContent": variable("title")},
        **{"exposeStatPoint": text(), "exposeStatPointParams": [parameter()]},
    }
    parts = {"fileName": "dingrun", "dataSource": {"list": []}, "state": {}, "lifeCycles": {}, "methods": {}}
    return node("Card", "card", "DingRun", props, *children) | parts


def _component(name: str) -> Mapping[str, Any]:
    return {
        **{"package": "@ali/dxComponent", "version": "1.0.0", "exportName": name, "main": "./src/index.tsx"},
        **{"destructuring": False, "subName": "", "componentName": name},
    }


def _variable(name: str) -> Mapping[str, Any]:
    kind, fields, description = VARIABLES[name]
    private = name in PRIVATE
    item = f"{name}[0]" if kind == "loopArray" else name
    own = {"name": name, "id": name, "type": kind, "private": private, "description": description}
    schema = _fields(item, fields)
    return {**own, "editorVarType": "variables", **({"schema": schema} if schema else {})}


def _fields(path: str, fields: Fields) -> Sequence[Mapping[str, Any]]:
    found = []
    for name, kind in fields.items():
        id_ = f"{path}.{name}"
        listed = isinstance(kind, list)
        inner = (kind[0] if kind else {}) if listed else kind
        schema = _fields(f"{id_}[0]" if listed else id_, inner) if isinstance(inner, dict) else []
        found.append({
            **{"id": id_, "name": name, "private": False, "editorVarType": "variables"},
            "type": "loopArray" if listed else "object" if isinstance(kind, dict) else kind,
            **({"schema": schema} if schema else {}),
        })
    return found


def _walk(nodes: Sequence[Node]) -> Sequence[Node]:
    return [each for one in nodes for each in (one, *_walk(one.get("children", [])))]


WIDGET = """<LinearLayout width="@data{width}" height="match_content" orientation="vertical">
 <FastTextView width="match_parent" height="match_content" textSize="15np" maxLines="3" userId="node_title"
   marginTop="12np" marginLeft="12np" marginRight="12np" marginBottom="12np"
   text="@toStr{@data{data.cardData.title}}">
 </FastTextView>
</LinearLayout>
"""
"""Layout that clients draw until the template is saved in the builder: the title alone."""


if __name__ == "__main__":
    FILE.write_text(json.dumps(export(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
