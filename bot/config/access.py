"""The `access` section of the settings: who may do what. Closed by default."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bot.config.types import ConversationId, Kind, Section, StaffId


class AccessRuleSettings(Section):
    """A role for people, in conversations, for schedules. An empty list stands for all.

    schedules: names or ids, also with `*` and `?`.
    """

    people: tuple[StaffId, ...] = ()
    conversations: tuple[ConversationId, ...] = ()
    schedules: tuple[str, ...] = ()
    role: Literal["viewer", "operator", "admin"]

    @model_validator(mode="after")
    def _for_somebody(self) -> "AccessRuleSettings":
        if not self.people and not self.conversations:
            raise ValueError("needs people or conversations: it would give the role to everybody, everywhere")
        return self


AccessRuleSpec = Annotated[AccessRuleSettings, Kind("access rule", "权限规则")]


class AccessSettings(Section):
    admins: tuple[StaffId, ...] = Field(
        (),
        description="Who may do everything, and sees every schedule in every configured conversation.",
        examples=[["manager01"]],
    )
    operators: tuple[StaffId, ...] = Field(
        (),
        description="Who may start and stop runs, and look. Empty: nobody, besides `admins` and `rules`.",
        examples=[["manager01"]],
    )
    viewers: tuple[StaffId, ...] = Field(
        (),
        description="Who may look. Empty: every member of the organization, at what is routed to the group in"
        " which they ask.",
        examples=[["user01"]],
    )
    conversations: tuple[ConversationId, ...] = Field(
        (),
        description="Groups in which DingRun answers, besides those that `DEFAULT_CHAT_ID`, `notify.routes`"
        " and `send_to` name.",
        examples=[["cid6EUabc=="]],
    )
    rules: tuple[AccessRuleSpec, ...] = Field(
        (),
        description="Further roles, by people, conversation and schedule. `role` is `viewer`, `operator` or"
        " `admin`; see below.",
        examples=[[{"people": ["user01"], "schedules": ["备份*"], "role": "operator"}]],
    )
    protected: dict[str, bool | Literal["two_person"]] = Field(
        default_factory=dict,
        description="Schedules that are not started or stopped in the chat by one message or tap. `true`: the"
        " same person confirms it; `two_person`: a second operator agrees, by `同意` or on the card. The key"
        " is a name, an id, or a pattern such as `备份*`; the first that matches counts.",
        examples=[{"备份*": "two_person", "每日巡检": True}],
    )
