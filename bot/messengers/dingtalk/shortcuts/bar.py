"""Shortcut bar of the robot's one-to-one chat (0727 set, 0728 query, 0729 clear)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alibabacloud_dingtalk.robot_1_0 import models

from bot.errors import DingRunError, PermanentError, TemporaryError
from bot.messengers.dingtalk.api import ApiClient
from bot.messengers.dingtalk.media import upload_image

ICON = Path(__file__).with_name("icon.png")
CHINESE, ENGLISH = "zh_CN", "en_US"


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """One entry of the bar. `name` is plain, or a JSON object of names by language."""

    name: str
    pc_url: str
    mobile_url: str
    icon: str = ""  # media id; "" is DingRun's own

    @classmethod
    def named(cls, chinese: str, english: str, url: str) -> "Shortcut":
        name = json.dumps({CHINESE: chinese, ENGLISH: english}, ensure_ascii=False)
        return cls(name=name, pc_url=url, mobile_url=url)

    @property
    def label(self) -> str:
        """Return the Chinese name, or the plain one."""
        try:
            names = json.loads(self.name)
        except ValueError:
            return self.name
        return str(names.get(CHINESE, self.name)) if isinstance(names, dict) else self.name

    @property
    def target(self) -> tuple[str, str, str]:
        return self.label, self.pc_url, self.mobile_url


def merge(present: Sequence[Shortcut], wanted: Sequence[Shortcut]) -> Sequence[Shortcut]:
    """Return what the bar should hold: ours first, then those that others set. Known icons are kept."""
    ours = {each.label for each in wanted}
    icons = {each.label: each.icon for each in present}
    icon = next((icons[label] for label in icons if label in ours and icons[label]), "")
    mine = [replace(each, icon=icons.get(each.label) or icon) for each in wanted]
    return [*mine, *(each for each in present if each.label not in ours)]


class ShortcutBar:
    """The bar of one app's robot."""

    def __init__(self, api: ApiClient, robot_code: str) -> None:
        self._api = api
        self._robot_code = robot_code

    async def ensure(self, wanted: Sequence[Shortcut]) -> bool:
        """Put shortcuts into the bar, and keep those of others. Returns False if nothing had to change.

        An unchanged bar costs one call: the query. Otherwise the bar is cleared first, because the documents
        do not say if "set" replaces or appends. Raises `PermanentError` with the scope that is missing.
        """
        present = await self._query()
        merged = merge(present, wanted)
        if sorted(each.target for each in present) == sorted(each.target for each in merged):
            return False
        if not all(each.icon for each in merged):
            icon = await upload_image(self._api, ICON)
            merged = [replace(each, icon=each.icon or icon) for each in merged]
        if present:
            await self._call("clear", models.ClearRobotPluginRequest(robot_code=self._robot_code).to_map())
        try:
            await self._set(merged)
        except DingRunError as error:
            if not present:
                raise
            held = ", ".join(f"{each.label} {each.pc_url or each.mobile_url}" for each in present)
            raise PermanentError(f"{error}; the bar is empty now, it held: {held}") from None
        return True

    async def _set(self, shortcuts: Sequence[Shortcut]) -> None:
        entries = [_entry(each) for each in shortcuts]
        request = models.SetRobotPluginRequest(plugin_info_list=entries, robot_code=self._robot_code)
        await self._call("set", request.to_map())

    async def _query(self) -> Sequence[Shortcut]:
        request = models.QueryRobotPluginRequest(robot_code=self._robot_code)
        answer = await self._api.openapi("POST", "/v1.0/robot/plugins/query", request.to_map())
        found = answer.get("pluginInfoList") or []
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise TemporaryError("DingTalk's answer has no list of shortcuts")
        return [_parse(each) for each in found]

    async def _call(self, verb: str, body: Mapping[str, Any]) -> None:
        answer = await self._api.openapi("POST", f"/v1.0/robot/plugins/{verb}", body)
        if answer.get("result") is False:
            raise PermanentError(f"DingTalk did not {verb} the shortcuts")


def _entry(shortcut: Shortcut) -> models.SetRobotPluginRequestPluginInfoList:
    return models.SetRobotPluginRequestPluginInfoList(
        icon=shortcut.icon, name=shortcut.name, pc_url=shortcut.pc_url, mobile_url=shortcut.mobile_url
    )


def _parse(entry: Mapping[str, object]) -> Shortcut:
    name, icon, pc_url, mobile_url = (str(entry.get(k) or "") for k in ("name", "icon", "pcUrl", "mobileUrl"))
    return Shortcut(name=name, icon=icon, pc_url=pc_url, mobile_url=mobile_url)
