"""Containers: the card, grids, loops, panels, headers, and the states of AI cards ("card 01/0002")."""

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.document import Component
from dingtalk_sandbox.templates.drawing.buttons import add_area
from dingtalk_sandbox.templates.drawing.canvas import Canvas, key_of, tone_of
from dingtalk_sandbox.templates.scope import Scope
from dingtalk_sandbox.templates.values import as_text

DEFAULT_STATUS = "1"  # of an AI card: 处理中


def draw_card(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    _summarize(canvas, component, scope)
    return canvas.children(component, scope)


def _summarize(canvas: Canvas, component: Component, scope: Scope) -> None:
    summary = component.props.get("summaryContent")
    canvas.title = scope.text(summary) if isinstance(summary, dict) else ""


def draw_standard_card(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    props = component.props
    tag = {"tag": scope.text(props.get("tagText")), "tone": tone_of(scope.resolve(props.get("tagColor")))}
    return [_header(canvas, scope.text(props.get("cardName")), tag), *canvas.children(component, scope)]


def draw_header(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    return [_header(canvas, scope.text(component.props.get("title")), {})]


def _header(canvas: Canvas, title: str, tag: Json) -> Json:
    canvas.title = canvas.title or title
    return {"type": "header", "title": title, **tag}


def draw_container(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    """Draw a container that has no look of its own."""
    return canvas.children(component, scope)


def draw_grid(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    """Draw a 布局容器. An empty one with a background is a coloured line."""
    props = component.props
    children = canvas.children(component, scope)
    box: Json = {
        "type": "box",
        "direction": "row" if props.get("direction") == "horizontal" else "column",
        "gravity": str(props.get("childGravity") or "leftTop"),
        "children": children,
    }
    if props.get("hasBackground") is True:
        box["fill"] = tone_of(scope.resolve(props.get("standardBackgroundColor"))) or "gray"
    if props.get("enableColSpan") is True:
        box["grow"] = max(0, min(24, int(scope.number(props.get("colSpan"), 1))))
    if props.get("isFixedWidth") is True:
        box["width"] = max(0, min(600, int(scope.number(props.get("width")))))
    elif props.get("isAutoWidth") is True:
        box["auto"] = True
    if not children and "fill" in box:
        box["height"] = max(1, min(200, int(scope.number(props.get("height"), 3))))
    if control := add_area(canvas, component, scope, children):
        box |= {"control": control, "link": canvas.controls[control].link}
    return [box] if children or "fill" in box else []


def draw_loop(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    """Draw the children once for each item of a list (card "03/0007")."""
    props = component.props
    rows = _repeated(canvas, component, scope)
    direction = "row" if props.get("direction") == "horizontal" else "column"
    wrap = props.get("flowLayout") is True
    return [{"type": "loop", "direction": direction, "wrap": wrap, "children": rows}] if rows else []


def draw_grid_layout(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    columns = max(1, min(6, int(scope.number(component.props.get("columnCount"), 2))))
    rows = _repeated(canvas, component, scope)
    return [{"type": "loop", "columns": columns, "children": rows}] if rows else []


def _repeated(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    path, items = scope.items(component.props.get("listData"))
    drawn = (
        canvas.children(component, scope.inside(path, at, item))
        for at, item in enumerate(canvas.take_items(items))
    )
    return [{"type": "box", "direction": "column", "children": nodes} for nodes in drawn if nodes]


def draw_panel(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    return [
        {
            "type": "panel",
            "key": key_of(component, scope),
            "title": scope.text(component.props.get("title")),
            "open": component.props.get("contentVisible") is not False,
            "children": canvas.children(component, scope),
        }
    ]


def draw_ai_card(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    """Draw the container of the state in `flowStatus`.

    The states are 1 处理中, 2 输入中, 3 完成, 4 执行中 and 5 失败.
    """
    _summarize(canvas, component, scope)
    bound = scope.resolve(component.props.get("flowStatusVar"))
    status = as_text(bound) or DEFAULT_STATUS
    states = [c for c in component.children if as_text(c.props.get("status")) == status]
    nodes = [node for state in states for node in canvas.draw(state, scope)]
    return [{"type": "ai", "status": status, "children": nodes}]


def draw_pending(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    return [{"type": "pending", "text": scope.text(component.props.get("pendingTip"))}]


def draw_processing(_: Canvas, component: Component, scope: Scope) -> list[Json]:
    del component, scope
    return [{"type": "processing"}]


def draw_feedback(canvas: Canvas, component: Component, scope: Scope) -> list[Json]:
    """Draw the line below an AI text. DingTalk's own thumbs call nobody back."""
    children = canvas.children(component, scope)
    thumbs = component.props.get("enableLikeDislike") is True
    return [{"type": "feedback", "thumbs": thumbs, "children": children}]
