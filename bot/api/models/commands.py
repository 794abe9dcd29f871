"""Commands for runners."""

from typing import Annotated, Literal

from pydantic import Field

from bot.api.models.fields import Answer, Body, ClientId, Text


class CommandAnswer(Answer):
    """A request to the runner of a schedule."""

    id: str
    type: Literal["run.rerun", "run.stop"]
    schedule: str
    run: str
    rid: str = Field(description="Report the run under this id.")
    asked_by: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    tasks: list[str] = Field(default_factory=list)


class CommandList(Answer):
    """The commands for a runner, leased for a minute."""

    commands: list[CommandAnswer]


class DoneBody(Body):
    """Outcome of a command, as its runner tells it."""

    outcome: Literal["accepted", "refused"] = "accepted"
    reason: Text = Field("", description="Why it was refused, told to people.")


class CommandQuery(Body):
    """Options of a request for commands: the runner, and the seconds to wait for one."""

    runner: ClientId
    wait: Annotated[int, Field(ge=0, le=60)] = 0
