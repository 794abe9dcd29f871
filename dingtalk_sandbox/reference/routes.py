"""`/_sandbox/openapi.json` for programs, and `/_sandbox/` for people."""

import json
from html import escape

from aiohttp import web

from dingtalk_sandbox.errors import Json
from dingtalk_sandbox.reference.document import build_document
from dingtalk_sandbox.reference.operations import OPERATIONS, Operation

STYLE = (
    "body{font:15px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}code,pre{font-family:ui-monospace,monospace}"
    "pre{overflow:auto;background:#8882;padding:.5rem;margin:.25rem 0}"
    "h2{font-size:1rem;margin:2rem 0 0}p{margin:.25rem 0}"
)


def reference_routes() -> list[web.RouteDef]:
    """Return the routes of both."""
    document = build_document(OPERATIONS)
    page = render_page(document)

    async def serve_document(_: web.Request) -> web.Response:
        return web.json_response(document)

    async def serve_page(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    return [
        web.get("/_sandbox/openapi.json", serve_document),
        web.get("/_sandbox/", serve_page),
        web.get("/_sandbox", serve_page),
    ]


def render_page(document: Json) -> str:
    """Render each operation with the fields of its body and an example."""
    parts = [
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>控制接口 · Control API</title><style>{STYLE}</style>",
        "<h1>控制接口 · Control API</h1>",
        '<p>供程序读取：<a href="/_sandbox/openapi.json">openapi.json</a>（OpenAPI 3.1）· '
        '<a href="/_sandbox/openapi.json">openapi.json</a> is for programs.</p>',
        "<p>JSON，不需要凭证。用法不对时返回 400 和 <code>error</code>。· JSON without authentication. "
        "A wrong call gets 400 with an <code>error</code>.</p>",
        *(_render(each, document) for each in OPERATIONS),
    ]
    return "\n".join(parts)


def _render(operation: Operation, document: Json) -> str:
    fields = f"?{'&'.join(operation.query)}" if operation.query else ""
    head = f"<h2><code>{operation.method} {operation.path}{escape(fields)}</code></h2>"
    words = f"<p>{escape(operation.chinese)} · {escape(operation.english)}</p>"
    if operation.body is None:
        return head + words
    names = ", ".join(_fields(operation.body.__name__, document["components"]["schemas"]))
    shown = f"<p><code>{{{escape(names)}}}</code></p>" if names else ""
    example = escape(json.dumps(operation.example, ensure_ascii=False))
    return f"{head}{words}{shown}<pre>{example}</pre>"


def _fields(model: str, schemas: Json) -> list[str]:
    """Return the fields of a body; `?` marks those that may be left out."""
    schema = schemas[model]
    required = schema.get("required", ())
    return [name if name in required else f"{name}?" for name in schema.get("properties", {})]
