"""Fill a card template: our four variables (title, markdown, tips, buttons) by the names it has for them.

Our own template has more variables (`cards/rich_card.py`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

from bot.errors import ConfigError

SETTING = "DINGDING.CARD_TEMPLATE_ID"
VARIABLES = ("title", "markdown", "tips", "buttons")
MAX_KEY_BYTES = 100  # of a variable's name, 0004 of the card pages

_FULL_JSON = "sys_full_json_obj"


@dataclass(frozen=True, kw_only=True)
class CardButton:
    """A button that calls back with its `id`."""

    id: str
    text: str
    color: str  # blue, gray or red

    def as_json(self) -> dict[str, object]:
        """Return the form that all known templates take: some report `id`, some return `params`."""
        return {
            "text": self.text,
            "color": self.color,
            "id": self.id,
            "request": True,
            "params": {"id": self.id},
        }


@dataclass(frozen=True, kw_only=True)
class CardTemplate:
    """A template's ID, its names for our variables, and the values that are the same on every card.

    Buttons are JSON: inside `sys_full_json_obj` as `{"msgButtons": […]}`, in any other variable as a list.
    """

    id: str
    mapping: Mapping[str, str]
    fixed: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()  # the blocks of an AI card from top to bottom; the buttons come last
    rich: bool = False  # it was imported from `cards/platform/dingrun.json`

    @property
    def is_public(self) -> bool:
        """Return whether every organization has it. Any other one may be missing or unpublished."""
        return self in PRESETS.values()

    @classmethod
    def own(cls, id: str, mapping: Mapping[str, str] | None = None) -> Self:
        """Return a template of the organization's own.

        Variables that `mapping` leaves out are not sent. Without a mapping, it is our own one, imported from
        `cards/platform/dingrun.json`.

        Raises:
            ConfigError: The mapping has unknown variables or names that are too long.
        """
        wrong = sorted(set(mapping or {}) - set(VARIABLES))
        if wrong:
            raise ConfigError(f"{SETTING}: the mapping takes {', '.join(VARIABLES)}, got {', '.join(wrong)}")
        for ours, theirs in (mapping or {}).items():
            if not 0 < len(theirs.encode()) <= MAX_KEY_BYTES:
                raise ConfigError(
                    f"{SETTING}: {ours} takes a name of 1 to {MAX_KEY_BYTES} bytes, got {theirs!r}"
                )
        if not mapping:
            return cls(id=id, mapping=MappingProxyType({"tips": "tips"}), rich=True)
        return cls(id=id, mapping=MappingProxyType(dict(mapping)))

    @classmethod
    def chosen(cls, setting: str, mapping: Mapping[str, str] | None = None) -> "CardTemplate":
        """Return the template that the setting names: `buttons`, `ai` or an own `….schema`.

        Raises:
            ConfigError: There is no such template.
        """
        if setting in PRESETS:
            return PRESETS[setting]
        if setting.endswith(".schema") and len(setting) > len(".schema") and setting.split() == [setting]:
            return cls.own(setting, mapping)
        raise ConfigError(f"{SETTING}: takes buttons, ai or an own id that ends in .schema, got {setting!r}")

    def params(
        self, *, title: str, markdown: str, tips: str, buttons: Sequence[CardButton]
    ) -> dict[str, str]:
        """Return the whole `cardParamMap`, strings only. An update replaces all of it."""
        ours = {"title": title, "markdown": markdown, "tips": tips, "buttons": self._buttons(buttons)}
        return dict(self.fixed) | {theirs: ours[name] for name, theirs in self.mapping.items()}

    def private(self, tips: str) -> dict[str, str]:
        """Return the variables for one person only: the tips, if the template has any.

        A card may also have been sent by `buttons`, in place of a template of the organization's own.
        """
        names = {self.mapping.get("tips", ""), "" if self.is_public else BUTTONS.mapping["tips"]}
        return dict.fromkeys(sorted(names - {""}), tips)

    def _buttons(self, buttons: Sequence[CardButton]) -> str:
        listed = [button.as_json() for button in buttons]
        if self.mapping.get("buttons") != _FULL_JSON:
            return json.dumps(listed, ensure_ascii=False)
        order = {"order": [*self.order, *(["msgButtons"] if listed else [])]} if self.order else {}
        return json.dumps({**order, "msgButtons": listed}, ensure_ascii=False)


BUTTONS: Final = CardTemplate(
    id="1366a1eb-bc54-4859-ac88-517c56a9acb1.schema",
    mapping=MappingProxyType({
        "title": "title",
        "markdown": "markdown",
        "tips": "tips",
        "buttons": _FULL_JSON,
    }),
)
"""The public template with markdown and buttons; its ID is in DingTalk's SDK, not in its docs."""

AI: Final = CardTemplate(
    id="382e4302-551d-4880-bf29-a30acfab2e71.schema",
    mapping=MappingProxyType({
        "title": "msgTitle",
        "markdown": "msgContent",
        "tips": "staticMsgContent",
        "buttons": _FULL_JSON,
    }),
    fixed=MappingProxyType({"flowStatus": "3"}),  # finished; otherwise the card stays empty
    order=("msgTitle", "msgContent", "staticMsgContent"),
)
"""The public AI template, with the same content."""

PRESETS: Final[Mapping[str, CardTemplate]] = MappingProxyType({"buttons": BUTTONS, "ai": AI})
