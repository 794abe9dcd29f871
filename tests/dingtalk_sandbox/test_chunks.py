"""Uploads to the drive, in one step or in chunks."""

from typing import Any

import aiohttp
import pytest

from dingtalk_sandbox.api.chunks import MIN_CHUNK
from tests.dingtalk_sandbox.harness import KEY, Answer, Client

AGENT = "3001"


@pytest.fixture
async def drive(client: Client) -> Client:
    """A client whose app has had the drive before it was closed to new apps."""
    await client.control("scopes", {"app": KEY, "scopes": ["qyapi_drive", "qyapi_robot_sendmsg"]})
    return client


async def call(client: Client, path: str, data: bytes | None = None, **query: Any) -> Answer:
    params = {"access_token": client.token, "agent_id": AGENT} | {k: str(v) for k, v in query.items()}
    if data is None:
        return await client.call("GET", f"/file/upload/{path}", params=params)
    form = aiohttp.FormData()
    form.add_field("file", data, filename="a.bin")
    return await client.call("POST", f"/file/upload/{path}", params=params, data=form)


async def begin(client: Client, size: int, chunks: int) -> str:
    return str((await call(client, "transaction", file_size=size, chunk_numbers=chunks)).body["upload_id"])


async def test_chunks_become_one_file(drive: Client) -> None:
    parts = [b"a" * MIN_CHUNK, b"b"]
    size = MIN_CHUNK + 1
    upload = await begin(drive, size, 2)
    for number in (2, 1):
        assert (
            await call(drive, "chunk", parts[number - 1], upload_id=upload, chunk_sequence=number)
        ).code == 0
    media = (await call(drive, "transaction", file_size=size, chunk_numbers=2, upload_id=upload)).body[
        "media_id"
    ]
    param = {"mediaId": media, "fileName": "a.zip", "fileType": "zip"}
    assert (await drive.group_send("sampleFile", param)).status == 200
    assert (await drive.last())["size"] == size


async def test_a_small_file_is_uploaded_at_once(drive: Client) -> None:
    assert (await call(drive, "single", b"abc", file_size=3)).body["media_id"][0] == "#"
    assert (await call(drive, "single", b"abc", file_size=4)).code == 40006


async def test_an_upload_that_is_not_complete_is_not_committed(drive: Client) -> None:
    upload = await begin(drive, MIN_CHUNK + 1, 2)
    await call(drive, "chunk", b"b", upload_id=upload, chunk_sequence=2)
    done = await call(drive, "transaction", file_size=MIN_CHUNK + 1, chunk_numbers=2, upload_id=upload)
    assert done.code == 40006


async def test_an_upload_is_dropped_after_a_day(drive: Client) -> None:
    upload = await begin(drive, 1, 1)
    await drive.later(86_400)
    await drive.__aenter__()
    assert (await call(drive, "chunk", b"b", upload_id=upload, chunk_sequence=1)).code == 40035


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"file_size": 1, "chunk_numbers": 1, "agent_id": "x"}, 40056),
        ({"chunk_numbers": 1}, 40035),
        ({"file_size": 1}, 40035),
        ({"file_size": 1, "chunk_numbers": 10_001}, 40035),
        ({"file_size": MIN_CHUNK, "chunk_numbers": 2}, 40006),
    ],
)
async def test_a_wrong_beginning_is_refused(drive: Client, query: dict[str, Any], code: int) -> None:
    assert (await call(drive, "transaction", **query)).code == code


async def test_a_small_chunk_is_the_last_one(drive: Client) -> None:
    upload = await begin(drive, MIN_CHUNK * 2, 2)
    assert (await call(drive, "chunk", b"a", upload_id=upload, chunk_sequence=1)).code == 40006
    assert (await call(drive, "chunk", b"a", upload_id=upload, chunk_sequence=3)).code == 40035
    assert (await call(drive, "chunk", b"", upload_id=upload, chunk_sequence=2)).code == 44001


async def test_new_apps_have_no_drive(client: Client) -> None:
    assert (await call(client, "transaction", file_size=1, chunk_numbers=1)).code == 60011
