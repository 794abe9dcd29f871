"""File uploads."""

import aiohttp
import pytest

from dingtalk_sandbox.validation.media import MB, parse_file_name
from tests.dingtalk_sandbox.harness import Client


async def test_an_upload_gives_a_media_id(client: Client) -> None:
    body = (await client.upload()).body
    assert body.keys() == {"errcode", "errmsg", "media_id", "created_at", "type"}
    assert (body["errcode"], body["type"], body["media_id"][0]) == (0, "file", "@")


@pytest.mark.parametrize(
    ("name", "data", "kind", "code"),
    [
        ("a.xlsx", b"x", "paper", 40004),
        ("a.xlsx", b"", "file", 44001),
        ("a.amr", b"x" * (2 * MB + 1), "voice", 40006),
        ("a.png", b"x", "image", 0),
        ("A.XLS", b"x", "file", 0),
        ("a.mp4", b"x", "video", 0),
    ],
)
async def test_the_limits_hold(client: Client, name: str, data: bytes, kind: str, code: int) -> None:
    answer = await client.upload(name, data, kind)
    assert (answer.status, answer.code) == (200, code)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.md", "file"), ("a.mp4", "file"), ("a", "file"), ("a.jpeg", "image")]
)
async def test_an_extension_that_is_not_documented_is_taken_with_a_warning(
    client: Client, name: str, kind: str
) -> None:
    assert (await client.upload(name, b"x", kind)).code == 0
    (call,) = (await client.call("GET", "/_sandbox/calls", params={"endpoint": "upload"})).body
    assert call["warnings"] == [f"{name}: the page has no such extension for the type {kind}"]
    await client.set(file_types="documented")
    assert (await client.upload(name, b"x", kind)).code == 40005


async def test_20_megabytes_are_taken_and_no_byte_more(client: Client) -> None:
    assert (await client.upload(data=b"x" * (20 * MB))).code == 0
    assert (await client.upload(data=b"x" * (20 * MB + 1))).code == 40006


async def test_only_a_form_with_a_file_is_taken(client: Client) -> None:
    assert (await client.oapi("/media/upload", {})).code == 43008
    form = aiohttp.FormData({"type": "file"})
    form.add_field("other", b"x", filename="a.xlsx")
    params = {"access_token": client.token}
    assert (await client.call("POST", "/media/upload", data=form, params=params)).code == 41005


async def test_an_upload_costs_one_call(client: Client) -> None:
    await client.upload()
    assert (await client.counters())["buckets"]["api"] == 1


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'form-data; name="media"; filename="a.xlsx"', "a.xlsx"),
        (b'form-data; name="media"; filename="../../a.xlsx"', "a.xlsx"),
        (b'form-data; name="media"; filename="C:\\\\x\\\\a.xlsx"', "a.xlsx"),
        ('form-data; filename="日报.xlsx"'.encode(), "日报.xlsx"),
        (b"form-data; filename*=utf-8''%E6%97%A5.xlsx", "日.xlsx"),
        (b"form-data; filename=a.xlsx", "a.xlsx"),
        (b"form-data", ""),
    ],
)
def test_a_file_name_is_read_without_its_folders(head: bytes, name: str) -> None:
    assert parse_file_name(head) == name


async def test_a_file_that_is_not_there_is_a_404(client: Client) -> None:
    for path in ("files", "media"):
        async with client.http.get(f"{client.sandbox.url}/_sandbox/{path}/x") as response:
            assert response.status == 404
