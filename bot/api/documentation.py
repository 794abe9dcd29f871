"""`/v1/openapi.json` and `/v1/docs` describe the API, and `/v1/exec.py` is a client. They are open to all."""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from aiohttp import web

from bot.api.openapi import build_document
from bot.api.operations import Operation

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}code,pre{font-family:ui-monospace,monospace}pre{overflow:auto}"
    "h2{font-size:1.05rem;margin-top:2rem}td{padding:.15rem .8rem .15rem 0;vertical-align:top}"
)


class Documentation:
    """Serves the description of the operations."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        document = build_document(operations)
        self._json = json.dumps(document, ensure_ascii=False, indent=2)
        self._page = render_page(document)
        self._client = files("bot.exec").joinpath("dingrun_exec.py").read_text(encoding="utf-8")

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/openapi.json", self.openapi),
            web.get("/v1/docs", self.page),
            web.get("/v1/exec.py", self.client),
        ]

    async def openapi(self, request: web.Request) -> web.Response:
        return web.Response(text=self._json, content_type="application/json", headers=HEADERS)

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text=self._page, content_type="text/html", headers=HEADERS)

    async def client(self, request: web.Request) -> web.Response:
        """Serve `dingrun-exec`, so that a host needs nothing but Python."""
        return web.Response(text=self._client, content_type="text/x-python", headers=HEADERS)


def render_page(document: Any) -> str:
    """Render the page: each operation with its parameters and the fields of its body."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>DingRun API</title>",
        f"<style>{STYLE}</style><h1>DingRun API</h1>",
        '<p>Machine-readable: <a href="openapi.json">openapi.json</a>. ',
        "Send the key as <code>Authorization: Bearer …</code>.</p>",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2><code>{escape(f'{method.upper()} {path}')}</code></h2>")
            parts.append(f"<p>{escape(operation['summary'])}</p>{_table(document, operation)}")
    return "".join(parts)


def _table(document: Any, operation: Any) -> str:
    rows = [
        (each["name"], each["in"], each.get("description", ""))
        for each in operation["parameters"]
        if each["in"] != "path"
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        fields = document["components"]["schemas"].get(name, {}).get("properties", {})
        rows += [(field, "body", schema.get("description", "")) for field, schema in fields.items()]
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(place)}<td>{escape(words)}"
        for name, place, words in rows
    )
    return f"<table>{cells}</table>" if rows else ""
