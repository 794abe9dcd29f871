"""The `DINGDING` section of the settings: the app and the custom robot at DingTalk."""

from pydantic import Field, SecretStr, model_validator

from bot.config.types import Base, GroupId, RobotToken, UpperSection, Whole


class DingDing(UpperSection):
    """The app and the custom robot at DingTalk; the keys are those of an ARL's own settings."""

    app_key: str = Field(
        "",
        description="Client ID of an internal app whose robot uses Stream mode.",
        examples=["dingabc123"],
    )
    app_secret: SecretStr | None = Field(
        None, description="Client Secret of the app. Set both or none.", examples=["…"]
    )
    agent_id: Whole | None = Field(
        None, description="AgentId of the app. Work notifications (`work:staffId`) need it.", examples=[3001]
    )
    default_chat_id: GroupId = Field(
        "",
        description="Group that is notified by default. Takes an openConversationId (`cid…`), or an old"
        " chatId (converted once).",
        examples=["cid6EUabc=="],
    )
    robot_code: str = Field(
        "", description="Code of the robot. Defaults to `APP_KEY`.", examples=["dingabc123"]
    )
    card_template_id: str = Field(
        "buttons",
        description="Card template: buttons, ai, or your own ….schema. The first two are public templates of"
        " DingTalk (1366a1eb… and 382e4302…). An own one is cards/platform/dingrun.json, imported into the"
        " card builder.",
        examples=["0a1b2c3d.schema"],
    )
    card_variables: dict[str, str] = Field(
        default_factory=dict,
        description="Variables of a template that you have built yourself. Maps our `title`, `markdown`,"
        " `tips` and `buttons` to its names; what is left out is not sent."
        " Leave it empty for the imported one.",
        examples=[{"markdown": "body"}],
    )
    access_token: RobotToken | None = Field(
        None,
        description="Token of a custom group robot. It is what follows `access_token=` in the robot's"
        " address; the robot is known as `webhook:default`.",
        examples=["token-of-the-robot"],
    )
    secret: SecretStr | None = Field(
        None, description="Signing secret of the custom robot, SEC…. Needs `ACCESS_TOKEN`.", examples=["SEC…"]
    )
    keyword: str = Field(
        "",
        description="Keyword that the custom robot demands. It is appended to messages that lack it.",
        examples=["巡检"],
    )
    openapi_base: Base = Field(
        "https://api.dingtalk.com",
        description="DingTalk's new API. `http://` is accepted on loopback only.",
        examples=["http://127.0.0.1:8790"],
    )
    oapi_base: Base = Field(
        "https://oapi.dingtalk.com",
        description="DingTalk's old API. `http://` is accepted on loopback only.",
        examples=["http://127.0.0.1:8790"],
    )

    @model_validator(mode="after")
    def _pairs(self) -> "DingDing":
        for have, lack in (("app_key", "app_secret"), ("app_secret", "app_key"), ("secret", "access_token")):
            if getattr(self, have) and not getattr(self, lack):
                raise ValueError(f"has {have.upper()}, but DINGDING.{lack.upper()} is missing")
        return self
