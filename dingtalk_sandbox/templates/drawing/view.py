"""The view of a card: what one viewer sees of it, as a tree for the page, and its controls."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.templates.document import CardTemplate
from dingtalk_sandbox.templates.drawing import buttons, content, fields, layout
from dingtalk_sandbox.templates.drawing.canvas import Canvas, Control, Painter
from dingtalk_sandbox.templates.scope import CardData, Scope
from dingtalk_sandbox.templates.values import is_true

PAINTERS: Mapping[str, Painter] = MappingProxyType({
    "Card": layout.draw_card, "StdCard": layout.draw_standard_card, "CardHeaderV2": layout.draw_header,
    "Grid": layout.draw_grid, "Loop": layout.draw_loop, "GridLayout": layout.draw_grid_layout,
    "CollapsePanel": layout.draw_panel, "AICardContainer": layout.draw_ai_card,
    "AICardStatusContainer": layout.draw_container, "AICardContent": layout.draw_container,
    "AIPending": layout.draw_pending, "AIGenerationProcessing": layout.draw_processing,
    "Feedback": layout.draw_feedback,
    "BaseText": content.draw_text, "BaseTextBlock": content.draw_text,
    "Markdown": content.draw_markdown, "MarkdownBlock": content.draw_markdown,
    "Divider": content.draw_divider, "DividerBlock": content.draw_divider,
    "Image": content.draw_image, "Icon": content.draw_icon, "Tag": content.draw_tag,
    "Avatar": content.draw_avatar, "ProgressBar": content.draw_progress,
    "Chart": content.draw_chart, "Table": content.draw_table,
    "SingleButton": buttons.draw_button, "ButtonList": buttons.draw_buttons,
    "ButtonBlock": buttons.draw_buttons,
    "Form": fields.draw_form, "Input": fields.draw_input, "SelectBlock": fields.draw_select,
    "MultiSelectBlock": fields.draw_multi_select, "DatePickerBlock": fields.draw_date,
    "Checkbox": fields.draw_checkbox, "CheckboxList": fields.draw_check_list,
    "CheckboxListMulti": fields.draw_check_list, "CheckableTags": fields.draw_tags,
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CardView:
    """A card as one viewer sees it."""

    nodes: list[Json]
    controls: Mapping[str, Control]
    title: str
    wide: bool
    truncated: bool

    def as_json(self) -> Json:
        shown = {"title": self.title, "wide": self.wide, "truncated": self.truncated}
        return shown | {"nodes": self.nodes}

    def buttons(self) -> list[Json]:
        """List what can be pressed: `{id, control, text, request, params, status?, url?}`."""
        return [_button(c) for c in self.controls.values() if c.kind != "field"]

    def fields(self) -> list[Json]:
        """List what can be filled in outside of forms: `{id, control, kind, value, options}`."""
        return [
            {"id": c.action_id, "control": c.key, "status": "disabled" if c.disabled else "normal"}
            | {name: c.fields[0][name] for name in ("kind", "value")}
            | {"options": [o["value"] for o in c.fields[0]["options"]]}
            for c in self.controls.values()
            if c.kind == "field"
        ]

    def find(self, wanted: str, params: Mapping[str, object]) -> Control | None:
        """Find a control by its key, or by its action id and those of its own params that are given."""
        if wanted in self.controls:
            return self.controls[wanted]
        named = [c for c in self.controls.values() if c.action_id == wanted]
        fitting = [c for c in named if all(c.params.get(k) == v for k, v in params.items() if k in c.params)]
        return next(iter(fitting or (named if not params else [])), None)


def _button(control: Control) -> Json:
    shown: Json = {
        "id": control.action_id,
        "control": control.key,
        "text": control.text,
        "kind": control.kind,
    }
    shown |= {"request": control.is_request, "params": control.params}
    if control.disabled:
        shown["status"] = "disabled"
    if control.link:
        shown["url"] = control.link
    if control.fields:
        shown["fields"] = [{n: f[n] for n in ("name", "kind", "required", "value")} for f in control.fields]
    return shown


def build_view(template: CardTemplate, data: CardData) -> CardView:
    """Draw a card for the viewer whose data is given."""
    canvas, scope = Canvas(PAINTERS), Scope(template=template, data=data)
    nodes = [node for root in template.roots for node in canvas.draw(root, scope)]
    return CardView(
        nodes=nodes,
        controls=canvas.controls,
        title=canvas.title or data.public.get("title", ""),
        wide=is_true(scope.value("config.autoLayout")) or is_true(data.public.get("autoLayout")),
        truncated=canvas.truncated,
    )
