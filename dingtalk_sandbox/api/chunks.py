"""Uploads to the drive, in one step ("1581") or in chunks ("1582" to "1584").

These calls are closed to new apps. An app has them with the scope `qyapi_drive` (ours: the pages name none).
Codes for wrong fields are not documented. Those of uploads are used.
"""

import secrets
from datetime import timedelta

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family
from dingtalk_sandbox.errors import Json, oapi_error
from dingtalk_sandbox.state import SandboxState, Transaction, Upload
from dingtalk_sandbox.validation.media import MB, parse_file_name, parse_multipart

SCOPE = "qyapi_drive"
MIN_CHUNK, MAX_CHUNK = 100 * 1024, 8 * MB
MAX_CHUNKS = 10_000
MAX_PENDING = 256 * MB
"""Limit of all chunks that wait for their commit. The oldest uploads are dropped (ours)."""
MAX_TRANSACTIONS = 100
TRANSACTION_LIFE = timedelta(hours=24)


def _number(call: Call, name: str, most: int) -> int:
    text = call.query.get(name, "")
    value = int(text[:18]) if text.isascii() and text.isdigit() else 0
    if not 0 < value <= most:
        raise oapi_error(40035, f"不合法的参数 {name}")
    return value


def _check_agent(call: Call) -> None:
    if call.query.get("agent_id") != str(call.app.agent_id):
        raise oapi_error(40056, "不合法的agentid")


def _file(call: Call, most: int) -> tuple[str, bytes]:
    """Return the name and the content of the form field `file`."""
    form = parse_multipart(call.headers.get("Content-Type", ""), call.raw)
    if "file" not in form:
        raise oapi_error(41005, "缺少多媒体文件数据")
    head, data = form["file"]
    if not data:
        raise oapi_error(44001, "多媒体文件为空")
    if len(data) > most:
        raise oapi_error(40006, "不合法的文件大小")
    return parse_file_name(head), data


def _keep(state: SandboxState, name: str, data: bytes) -> Json:
    file = Upload(name=name or "file", kind="file", mime="application/octet-stream", data=data)
    return {"errcode": 0, "errmsg": "ok", "media_id": state.add_media(file, "#")}


def upload_at_once(state: SandboxState, call: Call) -> Json:
    _check_agent(call)
    size, (name, data) = _number(call, "file_size", MAX_CHUNK), _file(call, MAX_CHUNK)
    if len(data) != size:
        raise oapi_error(40006, "不合法的文件大小")
    return _keep(state, name, data)


def begin_or_commit(state: SandboxState, call: Call) -> Json:
    """Begin an upload, or commit the one that `upload_id` names."""
    _check_agent(call)
    chunks = _number(call, "chunk_numbers", MAX_CHUNKS)
    size = _number(call, "file_size", MAX_CHUNK * chunks)
    id_ = call.query.get("upload_id")
    if id_:
        return _commit(state, call, id_, (size, chunks))
    if size <= MIN_CHUNK * (chunks - 1):
        raise oapi_error(40006, "不合法的文件大小")
    if len(state.transactions) >= MAX_TRANSACTIONS:
        del state.transactions[next(iter(state.transactions))]
    upload_id = f"{secrets.token_hex(16).upper()}_0#{secrets.token_urlsafe(16)}"
    state.transactions[upload_id] = Transaction(
        app=call.app.key, size=size, chunks=chunks, expires=state.clock.now() + TRANSACTION_LIFE
    )
    return {"errcode": 0, "errmsg": "ok", "upload_id": upload_id}


def _transaction(state: SandboxState, call: Call, id_: str) -> Transaction:
    found = state.transactions.get(id_)
    if found is None or found.app != call.app.key or found.expires <= state.clock.now():
        raise oapi_error(40035, "不合法的参数 upload_id")
    return found


def _commit(state: SandboxState, call: Call, id_: str, announced: tuple[int, int]) -> Json:
    found = _transaction(state, call, id_)
    whole = b"".join(found.received.get(number, b"") for number in range(1, found.chunks + 1))
    complete = len(found.received) == found.chunks and len(whole) == found.size
    if not complete or announced != (found.size, found.chunks):
        raise oapi_error(40006, "不合法的文件大小")
    del state.transactions[id_]
    return _keep(state, "", whole)


def _drop_oldest(state: SandboxState) -> None:
    """Bound the memory of uploads that are never committed."""
    uploads = state.transactions.values()
    while sum(len(part) for each in uploads for part in each.received.values()) > MAX_PENDING:
        del state.transactions[next(iter(state.transactions))]


def add_chunk(state: SandboxState, call: Call) -> Json:
    """Keep a chunk. The same number again replaces it. All but the last one have at least 100 KB."""
    _check_agent(call)
    found = _transaction(state, call, call.query.get("upload_id", ""))
    number, (_, data) = _number(call, "chunk_sequence", found.chunks), _file(call, MAX_CHUNK)
    if number < found.chunks and len(data) < MIN_CHUNK:
        raise oapi_error(40006, "不合法的文件大小")
    found.received[number] = data
    _drop_oldest(state)
    return {"errcode": 0, "errmsg": "ok"}


ENDPOINTS = tuple(
    Endpoint(
        method=method, path=f"/file/upload/{path}", handler=act, family=Family.OLD, scope=SCOPE,
        size_limit=MAX_CHUNK, takes_body=False,
    )
    for method, path, act in (
        ("POST", "single", upload_at_once),
        ("GET", "transaction", begin_or_commit),
        ("POST", "chunk", add_chunk),
    )
)  # fmt: skip
