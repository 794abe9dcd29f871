"""Build the Stream connections: one per app, all received by one dispatcher."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from bot.chat.audited import AuditedDispatcher
from bot.messengers.dingtalk.rate_limiter import RateLimiter
from bot.messengers.dingtalk.stream import OnFrame, StreamConnection, StreamOptions, ignore_frame
from bot.models import CardTap, Message
from bot.wiring.messengers import DingTalkConnection

Event = TypeVar("Event", Message, CardTap)
Answer = TypeVar("Answer")
Receiver = Callable[[Event], Awaitable[Answer]]


def build_streams(
    dingtalk: DingTalkConnection,
    dispatcher: AuditedDispatcher,
    rate_limiter: RateLimiter,
    on_frame: OnFrame = ignore_frame,
) -> Mapping[str, StreamConnection]:
    """Build the connections by the names of their apps; "" is the app in `DINGDING`."""
    receive_message = count_inbound(rate_limiter, dispatcher.receive_message)
    receive_tap = count_inbound(rate_limiter, dispatcher.receive_tap)
    return {
        name: StreamConnection(
            dingtalk.session,
            robot,
            with_app(name, receive_message),
            with_app(name, receive_tap),
            options=StreamOptions(rate_limiter=rate_limiter, on_frame=on_frame),
        )
        for name, robot in dingtalk.robots.items()
    }


def with_app(app: str, receive: Receiver[Event, Answer]) -> Receiver[Event, Answer]:
    """Add the name of the app to every event of its Stream."""

    async def receive_with_app(event: Event) -> Answer:
        return await receive(replace(event, app=app))

    return receive_with_app


def count_inbound(rate_limiter: RateLimiter, receive: Receiver[Event, Answer]) -> Receiver[Event, Answer]:
    """Add each inbound event to the usage of the month while it is stored."""

    async def receive_and_count(event: Event) -> Answer:
        answer, _ = await asyncio.gather(receive(event), rate_limiter.count_inbound())
        return answer

    return receive_and_count
