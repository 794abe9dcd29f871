"""The `chat` section of the settings: what people do in the chat and on cards."""

from pydantic import Field

from bot.config.types import Seconds, Section, Whole


class ChatSettings(Section):
    rerun_cooldown: Whole = Field(
        30,
        ge=0,
        le=3600,
        description="Seconds after a start in which nobody else can start the same schedule again. Scheduled"
        " runs are not affected.",
        examples=[60],
    )
    action_ttl: Seconds = Field(
        7 * 86_400,
        ge=60,
        description="How long after a run the buttons of its card start and stop runs. Commands always do.",
        examples=[86_400],
    )
    approval_ttl: Seconds = Field(
        900.0,
        ge=60,
        description="How long a request for a schedule that is `two_person` in `access.protected` waits for"
        " the second person.",
        examples=[3600],
    )
