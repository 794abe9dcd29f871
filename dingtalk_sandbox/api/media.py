"""File uploads ("0646-upload-media-files")."""

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.validation.media import MB, parse_upload


def upload(state: SandboxState, call: Call) -> Json:
    """Store an uploaded file. Its media_id does not expire."""
    given = parse_upload(call.headers.get("Content-Type", ""), call.raw, call.query.get("type", ""))
    media_id, created = state.add_media(given), state.clock.ms()
    return {"errcode": 0, "errmsg": "ok", "media_id": media_id, "created_at": created, "type": given.kind}


ENDPOINTS = (
    Endpoint(
        method="POST", path="/media/upload", handler=upload, family=Family.OLD, scope="qyapi_base",
        size_limit=20 * MB, takes_body=False,
    ),
)  # fmt: skip
