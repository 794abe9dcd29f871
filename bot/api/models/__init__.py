"""Bodies of the JSON API. `openapi.json` is generated from them; unknown fields are refused by name."""

from bot.api.models.commands import CommandAnswer, CommandList, CommandQuery, DoneBody
from bot.api.models.expectations import ExpectBody
from bot.api.models.fields import CLIENT_ID, SLUG, Answer, Body, NoQuery, ProblemAnswer
from bot.api.models.runs import (
    DestinationState,
    FileAnswer,
    LinkBody,
    LogAnswer,
    RunAnswer,
    RunBody,
    RunList,
    RunListQuery,
    RunQuery,
    StopAnswer,
    TaskBody,
)
from bot.api.models.schedules import RerunAnswer, RerunBody, ScheduleAnswer, ScheduleBody, ScheduleList

__all__ = [
    "CLIENT_ID",
    "SLUG",
    "Answer",
    "Body",
    "CommandAnswer",
    "CommandList",
    "CommandQuery",
    "DestinationState",
    "DoneBody",
    "ExpectBody",
    "FileAnswer",
    "LinkBody",
    "LogAnswer",
    "NoQuery",
    "ProblemAnswer",
    "RerunAnswer",
    "RerunBody",
    "RunAnswer",
    "RunBody",
    "RunList",
    "RunListQuery",
    "RunQuery",
    "ScheduleAnswer",
    "ScheduleBody",
    "ScheduleList",
    "StopAnswer",
    "TaskBody",
]
