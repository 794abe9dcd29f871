"""Groups, and chats of two people, as one dataclass."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Group:
    id: str
    title: str
    members: tuple[str, ...]
    robots: tuple[str, ...]  # robot codes
    chat_id: str = ""  # the legacy id of the group
    foreign: bool = False  # of another organization than the apps
    private: bool = False  # a chat of two people
    cool_app: str = ""  # code of the cool app that brought the robot
    owner: str = ""  # userId, "" = the first member
    admins: tuple[str, ...] = ()
    icon: str = ""  # mediaId
    template: str = ""  # of a scene group
    disbanded: bool = False
    options: Mapping[str, int] = field(default_factory=dict)  # that were set, by name
    nicks: Mapping[str, str] = field(default_factory=dict)  # by userId
    muted: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # by userId: start and end in ms

    @property
    def owner_id(self) -> str:
        """The userId of the owner."""
        return self.owner or next(iter(self.members), "")


@dataclass(frozen=True, kw_only=True)
class GroupTemplate:
    """A template of scene groups."""

    id: str
    app: str = ""  # key of the app that owns it, "" = the first one
    robots: tuple[str, ...] = ()  # robot codes that a group with this template gets
