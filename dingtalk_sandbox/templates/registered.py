"""The card templates that a scenario knows: the public ones of DingTalk, and those of the organization."""

from dataclasses import dataclass, replace

from dingtalk_sandbox.templates.document import CardTemplate
from dingtalk_sandbox.templates.references import flow_variable


@dataclass(frozen=True, kw_only=True)
class Template:
    id: str
    name: str
    published: bool = True
    buttons: bool = True  # renders `msgButtons` of `sys_full_json_obj`
    private: tuple[str, ...] | None = None  # variables that may be private; None = all
    flow: str = ""  # variable with the state of an AI card, "" = no AI card
    markdown: tuple[str, ...] = ()  # variables that are markdown: streamed as a whole only


PUBLIC_TEMPLATES = (  # ids: card_instance.py and card_replier.py of the official SDK
    Template(
        id="1366a1eb-bc54-4859-ac88-517c56a9acb1.schema", name="markdown with buttons", markdown=("markdown",)
    ),
    Template(
        id="382e4302-551d-4880-bf29-a30acfab2e71.schema",
        name="AI markdown",
        flow="flowStatus",
        markdown=("msgContent", "staticMsgContent"),
    ),
    Template(
        id="589420e2-c1e2-46ef-a5ed-b8728e654da9.schema",
        name="markdown",
        buttons=False,
        markdown=("markdown",),
    ),
    Template(id="7f538f6d-ebb7-4533-a9ac-61a32da094cf.schema", name="RPA plugin", buttons=False),
    Template(id="d28e2ac5-fb34-4d93-94bc-cf5c580c2d4f.schema", name="graph markdown", buttons=False),
    Template(
        id="8aebdfb9-28f4-4a98-98f5-396c3dde41a0.schema",
        name="AI test",
        buttons=False,
        flow="flowStatus",
        markdown=("content",),
    ),
    Template(
        id="02fcf2f4-5e02-4a85-b672-46d1f715543e.schema",
        name="AI",
        buttons=False,
        flow="flowStatus",
        markdown=("msgContent",),
    ),
)


def drawn_template(template: Template, design: CardTemplate) -> Template:
    """Return a template whose buttons and private variables are those of its export."""
    variables = design.variables.values()
    private = tuple(v.name for v in variables if v.private)
    markdown = tuple(v.name for v in variables if v.type == "markdown")
    return replace(template, buttons=False, private=private, flow=flow_variable(design), markdown=markdown)
