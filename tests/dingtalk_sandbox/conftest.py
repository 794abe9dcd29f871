"""Fixtures: a sandbox on a free loopback port with a fixed clock, and a client."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from dingtalk_sandbox import Sandbox
from dingtalk_sandbox.intercept.interceptor import Interceptor
from tests.dingtalk_sandbox.harness import GROUP, Client

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
ROBOTS: list[dict[str, Any]] = [
    {"token": "plain-token", "group": GROUP, "name": "plain"},
    {"token": "word-token", "group": GROUP, "name": "words", "keywords": ["巡检"]},
    {"token": "sandbox-webhook-token", "group": GROUP, "name": "signed", "secret": "SECsandbox0123456789"},
    {"token": "0123456789abcdef", "group": GROUP, "name": "alphanumeric, as real ones"},
]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    scene = {"custom_robots": ROBOTS, "settings": {"ping_every": 0}}
    async with Sandbox(clock=lambda: NOW, scenario=scene) as sandbox:
        yield sandbox


@pytest.fixture
async def interceptor(sandbox: Sandbox) -> AsyncIterator[Interceptor]:
    async with Interceptor(sandbox) as interceptor:
        yield interceptor


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with Client(sandbox=sandbox, http=aiohttp.ClientSession()) as client:
        yield client
