"""ARL's lists: filters, sorting, paging and the fork's cache."""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from arl_sandbox.documents import is_id
from arl_sandbox.errors import InternalError, PayloadError
from arl_sandbox.responses import ArlState

Json = dict[str, Any]
Filter = Callable[[object], bool]

TEXT, EXACT, NUMBER, SWITCH = "text", "exact", "number", "switch"
SWITCHES = (
    "domain_brute", "alt_dns", "arl_search", "dns_query_plugin", "port_scan", "service_detection",
    "os_detection", "ssl_cert", "site_identify", "site_capture", "search_engines", "site_spider", "file_leak",
    "nuclei_scan", "web_info_hunter", "findvhost", "npoc_service_detection",
)  # fmt: skip
# prefix: none = text, `=` = exact, `#` = number. Assumed, except for tasks and schedules.
FIELDS: Mapping[str, str] = {
    "task": "name target status =task_tag",
    "task_schedule": "name target policy_name schedule_type schedule_status",  # the last one is not a field
    "policy": "name",
    "site": "site hostname ip title http_server #status #body_length #favicon.hash finger.name tag fld",
    "ip": "ip domain port_info.service_name #port_info.port_id os_info.name =ip_type cdn_name"
    " geo_asn.organization geo_city.country_code",
    "domain": "domain record ips source fld =type",
    "url": "site url title source fld #status_code #content_length",
    "vuln": "plg_name =plg_type vul_name app_name target",
    "nuclei_result": "template_url template_id vuln_name vuln_severity vuln_url target",
    "fileleak": "title url site #status_code #content_length",
    "cert": "ip #port cert.subject_dn cert.issuer_dn cert.serial_number",
    "service": "service_name service_info.ip service_info.product #service_info.port_id",
    "npoc_service": "scheme host port target",
    "cip": "cidr_ip ip_list domain_list #ip_count #domain_count",
    "stat_finger": "name #cnt",
    "wih": "record_type content site source fnv_hash",
}
PAGING_PARAMETERS = {"page", "size", "order"}
MAX_PAGE_SIZE = 100_000
CACHE_SECONDS, MAX_CACHED_PAGE_SIZE = 60, 5_000
NOT_EQUAL, NOT_LIKE = "__neq", "__not"


class Lists:
    """Serves all lists, through the fork's cache if enabled."""

    def __init__(self, arl: ArlState) -> None:
        self._arl = arl
        self._cache: dict[str, tuple[float, int, Json]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.get(f"/api/{table}/", self._handler(table)) for table in FIELDS]

    def _handler(self, table: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            return web.json_response(self._answer(table, request.path_qs, request.query))

        return answer

    def _answer(self, table: str, key: str, query: Mapping[str, str]) -> Json:
        size = min(_parse_integer(query, "size", 10), MAX_PAGE_SIZE)
        now, writes = self._arl.database.clock().timestamp(), self._arl.database.writes[table]
        cached = self._arl.fork and size <= MAX_CACHED_PAGE_SIZE
        if cached and key in self._cache:
            since, seen, answer = self._cache[key]
            if now - since < CACHE_SECONDS and (self._arl.cache_races or seen == writes):
                return answer
        answer = self._page(table, query, size)
        if cached:
            self._cache[key] = now, writes, answer
        return answer

    def _page(self, table: str, query: Mapping[str, str], size: int) -> Json:
        page = max(_parse_integer(query, "page", 1), 1)
        tests, shown = parse_filters(table, query)
        rows = list(self._arl.database.tables[table].values())
        found = [row for row in rows if all(_matches(row, name, test) for name, test in tests)]
        for name, down in reversed(_parse_order(query.get("order", "-_id"))):
            found.sort(key=partial(_sort_key, name), reverse=down)
        items = [dict(row) for row in found[(page - 1) * size : page * size]]
        return {"page": page, "size": size, "total": len(found), "items": items, "query": shown, "code": 200}


def _parse_integer(query: Mapping[str, str], name: str, default: int) -> int:
    """Parse an integer parameter. Raises `PayloadError` (assumed)."""
    text = query.get(name, str(default))
    if not re.fullmatch(r"-?\d{1,12}", text):
        raise PayloadError({name: f"invalid literal for int() with base 10: {text!r}"})
    return int(text)


def _parse_order(text: str) -> list[tuple[str, bool]]:
    """Parse sort fields as (name, descending). An unquoted `+` arrives as a space."""
    fields = [field.strip() for field in text.split(",")]
    return [(field.lstrip("+-"), field.startswith("-")) for field in fields if field]


def _sort_key(name: str, row: Json) -> tuple[int, Any]:
    """Sort missing values first, then numbers, then text."""
    value = next(iter(values_at(row, name)), None)
    if value is None:
        return 0, 0
    return (1, value) if isinstance(value, int | float) else (2, str(value))


def values_at(document: object, name: str) -> list[Any]:
    """Return all values at a dotted name, descending into lists."""
    if isinstance(document, list):
        return [value for each in document for value in values_at(each, name)]
    if not name:
        return [document]
    first, _, rest = name.partition(".")
    if not isinstance(document, dict) or first not in document:
        return []
    return values_at(document[first], rest)


def _declared_fields(table: str) -> dict[str, str]:
    signs = {"=": EXACT, "#": NUMBER}
    fields = {name.strip("=#"): signs.get(name[0], TEXT) for name in FIELDS[table].split()}
    if table == "task":
        fields |= {f"options.{name}": SWITCH for name in SWITCHES}
    return fields | {"_id": EXACT, "task_id": EXACT}


def parse_filters(table: str, query: Mapping[str, str]) -> tuple[list[tuple[str, Filter]], Json]:
    """Parse the filters of a query, and the query as ARL echoes it. Undeclared fields are ignored."""
    declared = _declared_fields(table)
    tests: list[tuple[str, Filter]] = []
    shown: Json = {}
    for asked, text in query.items():
        name = asked.removesuffix(NOT_EQUAL).removesuffix(NOT_LIKE)
        if asked in PAGING_PARAMETERS or name not in declared or not text:
            continue
        if name == "_id" and not is_id(text):
            raise InternalError
        tests.append((name, _build_filter(declared[name], asked, text)))
        shown[asked] = text
    return tests, shown


def _build_filter(kind: str, asked: str, text: str) -> Filter:
    """Build the filter of one parameter."""
    if asked.endswith(NOT_LIKE):
        like = _contains(text)
        return lambda value: not like(value)
    wanted = _parse_value(kind, asked, text)
    if asked.endswith(NOT_EQUAL):
        return lambda value: value != wanted
    return _contains(text) if kind == TEXT else lambda value: bool(value == wanted)


def _contains(text: str) -> Filter:
    """Build a case-insensitive substring filter."""
    part = re.compile(re.escape(text), re.IGNORECASE)
    return lambda value: isinstance(value, str) and part.search(value) is not None


def _parse_value(kind: str, asked: str, text: str) -> object:
    if kind == NUMBER:
        return _parse_integer({asked: text}, asked, 0)
    return text.lower() in {"true", "1"} if kind == SWITCH else text


def _matches(row: Json, name: str, test: Filter) -> bool:
    """Match as MongoDB does: any value of a list, and None for a missing field."""
    return any(test(value) for value in values_at(row, name) or [None])
