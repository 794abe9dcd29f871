"""The components of the card builder that our template uses, as it exports them.

Their properties are those of the public examples (github.com/open-dingtalk/dingtalk-card-examples), and what
they show is documented in 0010-interactive-components and 0012 … 0016 of the card pages.
"""

from dataclasses import dataclass
from typing import Any

from cards.platform.events import Props, click, parameter, text, value, variable, visible

Node = dict[str, Any]

ALWAYS = visible()


@dataclass(frozen=True, kw_only=True)
class TextStyle:
    """Style and color of a text: tokens of DingTalk's design, which know the dark mode too."""

    style: str
    color: str
    lines: int = 2  # at most
    bold: bool = False


def node(name: str, id_: str, title: str, props: Props, *children: Node) -> Node:
    """Return a component. `id_` is unique on the card, `title` is its name in the outline of the builder."""
    return {
        "componentName": name,
        "id": f"node_{id_}",
        "props": dict(props),
        "title": title,
        "hidden": False,
        "isLocked": False,
        "condition": True,
        "conditionGroup": "",
        **({"children": list(children)} if children else {}),
    }


def margins(top: int = 6, bottom: int = 6, side: int = 12) -> Props:
    """Return the margins of a component, in points."""
    return {
        "margin": -2,
        "marginTop": top,
        "marginBottom": bottom,
        "marginLeft": side,
        "marginRight": side,
        "innerOffset": 0,
    }


def line(id_: str, title: str, content: str, look: TextStyle, shown: Props = ALWAYS) -> Node:
    """Return a `BaseText`."""
    no_link, no_icon = value("dynamicLink", ""), {"type": "icon", "icon": "", "iconType": "ddIcon"}
    props = {
        **{"text": text(content), "hoverText": text(), "visible": shown},
        **{"enableIcon": False, "iconType": "iconCode", "iconFont": no_icon},
        **{"icon": no_link, "darkIcon": no_link},
        **{"autoWidth": False, "autoMaxWidth": False, "maxWidth": value("dynamicNumber", 0)},
        **{"fixedWidth": value("dynamicNumber", 0), "maxLine": value("dynamicNumber", look.lines)},
        **{"fontColorType": "Standard", "color": value("dynamicColor", look.color)},
        **{"customLightColor": value("dynamicColor", "#171a1d"), "enableHighlight": False},
        **{"customDarkColor": value("dynamicColor", "#eef2f8"), "fontSizeType": "Standard"},
        **{"styleType": "standard", "styleToken": look.style, "size": "middle", "gravity": "left"},
        **{"customFontSize": 15, "customFontLineHeight": 22, "lineHeight": "normal"},
        **{"bold": look.bold, "italic": False, "strikeThrough": False},
        **margins(),
    }
    return node("BaseText", id_, title, props)


def markdown(id_: str, title: str, name: str, shown: Props = ALWAYS) -> Node:
    """Return a `Markdown` that shows a variable (0016-markdown-variable-new)."""
    content = value("dynamicMarkdown", "", name)
    props = {
        **{"mdVer": 0, "content": content, "hoverText": text(), "visible": shown},
        **{"enableLinkStatPoint": False, "linkStatPoint": text(), "linkStatPointParams": []},
        **margins(),
    }
    return node("Markdown", id_, title, props)


def progress_bar(id_: str, title: str, name: str, shown: Props) -> Node:
    """Return a `ProgressBar` of a number from 0 to 100."""
    width = {**value("dynamicWidth", 100), "valueType": "full", "full": True, "adaptive": False}
    props = {
        **{"progress": value("dynamicNumber", 0, name), "visible": shown, "width": width, "height": "middle"},
        **{"color": "blue", "colorType": "Standard", "customColor": "#007fff", "style": "small"},
        **{"showPercentage": True, "percentageTextPos": "leftCenter", "enableCornerRadius": True},
        **{"offsetLeft": 0, "offsetRight": 0},
        **margins(),
    }
    return node("ProgressBar", id_, title, props)


def table(id_: str, title: str, name: str, shown: Props) -> Node:
    """Return a `Table` of a variable. Its cells may be buttons (0013-table-variables)."""
    scroll = {**value("dynamicWidth", 600), "full": False, "adaptive": False}
    props = {
        **{"data": variable(name), "visible": shown, "maxLine": value("dynamicNumber", 3)},
        **{"cellPadding": 4, "enableZebraColor": True, "hoverTextVisible": True, "imageSize": 30},
        **{"enablePagination": False, "pageNum": 5, "enableScroll": False, "scrollAreaWidth": scroll},
        **{"offsetLeft": 0, "offsetRight": 0},
        **margins(),
    }
    return node("Table", id_, title, props)


def chart(id_: str, title: str, name: str, shown: Props) -> Node:
    """Return a `Chart` of a variable, 140 points high (0012-chart-variable)."""
    props = {
        **{"data": variable(name), "visible": shown, "aspectRatio": value("dynamicSelect", 2)},
        **{"enableDetail": True, "isFixedHeight": True, "height": 140},
        **{"offsetLeft": 0, "offsetRight": 0},
        **margins(),
    }
    return node("Chart", id_, title, props)


def form(id_: str, title: str, name: str, *, action: str, submit: str) -> Node:
    """Return a `Form` of a variable. Its callback has `action` as its id (0014-form-variables)."""
    props = {
        **{"id": action, "actionType": "request", "params": []},
        **{"formSchema": variable(name), "submitText": text(submit), "visible": ALWAYS},
        "status": value("dynamicSelect", "normal"),
    }
    return node("Form", id_, title, props)


def panel(id_: str, title: str, heading: str, shown: Props, *children: Node) -> Node:
    """Return a `CollapsePanel`, closed at first."""
    props = {"id": text(id_), "title": text(heading), "contentVisible": False, "visible": shown, **margins()}
    return node("CollapsePanel", id_, title, props, *children)


def button_row(id_: str, title: str, name: str) -> Node:
    """Return a `Loop` with a button for each item `{id, text, color}` of a variable, from left to right."""
    item = f"{name}[0]"
    no_icon = {"type": "icon", "icon": "", "iconType": "ddIcon"}
    props = {
        "text": text("${loop.text}"),
        "status": value("dynamicSelect", "normal"),
        "color": value("dynamicSelect", "blue", f"{item}.color", "loop"),
        **{"icon": value("dynamicLink", ""), "darkModeIcon": value("dynamicLink", ""), "enableIcon": False},
        **{"iconPosition": "left", "iconType": "iconCode", "iconFont": value("dynamicIcon", no_icon)},
        **click("${loop.id}", parameter("id", f"{item}.id")),
        **{"widthMode": "match_content", "width": 200, "visible": ALWAYS},
        **margins(side=4),
    }
    button = node("SingleButton", f"{id_}_button", "按钮 / Button", props)
    edges = ("Bottom", "Left", "Right", "Top")
    flow = {
        **{"listData": variable(name), "visible": visible(name, "isNotEmpty"), "direction": "horizontal"},
        **{"flowLayout": True, "flowDirection": "x", "equalSpace": False, "childWidth": "match_content"},
        **{"isFixedWidth": False, "isAutoWidth": False, "width": 50, "scrollable": False},
        **{"childGap": True, "childGapSize": 4, "childDivider": False, "childDividerWidth": 0.5},
        **{f"childDividerMargin{edge}": 0 for edge in edges},
        "childDividerColorDark": "rgba(255, 255, 255, 0.12)",
        "childDividerColorLight": "rgba(17, 31, 44, 0.12)",
        **{"paging": False, "hasMore": value("dynamicBoolean", fixed=False), "onLoadMore": click()},
        **margins(side=8),
    }
    return node("Loop", id_, title, flow, button)


def divider(id_: str) -> Node:
    """Return a horizontal `Divider`."""
    props = {"color": "#1F111F2C", "direction": "horizontal", "height": 30, "visible": ALWAYS}
    return node("Divider", id_, "分割线 / Divider", {**props, **margins(side=0)})
