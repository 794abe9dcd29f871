"""File uploads ("0646-upload-media-files")."""

from dingtalk_sandbox.api.pipeline import Call, Endpoint, Family
from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.settings import DOCUMENTED
from dingtalk_sandbox.state import SandboxState
from dingtalk_sandbox.validation.media import MB, is_documented, parse_upload


def upload(state: SandboxState, call: Call) -> Json:
    """Store an uploaded file. Its media_id does not expire."""
    strict = state.settings.file_types == DOCUMENTED
    kind, content_type = call.query.get("type", ""), call.headers.get("Content-Type", "")
    given = parse_upload(content_type, call.raw, kind, documented_only=strict)
    if not is_documented(given.name, given.kind):
        call.warn(f"{given.name}: the page has no such extension for the type {given.kind}")
    media_id, created = state.add_media(given), state.clock.ms()
    return {"errcode": 0, "errmsg": "ok", "media_id": media_id, "created_at": created, "type": given.kind}


ENDPOINTS = (
    Endpoint(
        method="POST", path="/media/upload", handler=upload, family=Family.OLD, scope="qyapi_base",
        size_limit=20 * MB, takes_body=False,
    ),
)  # fmt: skip
