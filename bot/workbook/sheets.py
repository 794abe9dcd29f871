"""Sheets of ARL's own export: headers, widths, and how documents become rows. Pure.

Titles, headers, order and merge rules are ARL's (`app/routes/export.py` of wpsec/ARL-Source-Install). Its
bugs are fixed: numbers are numbers and sort as such, missing fields stay empty, nothing becomes a formula.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.assets.kinds import ASSET_KINDS, AssetKind, site_key
from bot.assets.values import (
    LINE_BREAK,
    Document,
    first,
    ip_order,
    items,
    mapping,
    number,
    text,
    union,
    unique,
)
from cards.catalogue import display_name, load_words

Row = Sequence[object]


@dataclass(frozen=True, kw_only=True)
class SheetLayout:
    """Layout of one sheet.

    - `header`: the labels of the columns; `{zone}` stands for the time zone of the settings.
    - `widths`: the widths of the columns, in characters.
    - `volatile_columns`: labels of columns that differ in every run, so a difference is no change.
    - `name_columns`: indexes of the columns that name the asset.
    """

    title: str
    header: Sequence[str]
    widths: Sequence[int]
    volatile_columns: frozenset[str] = frozenset()
    name_columns: Sequence[int] = (0,)


@dataclass(frozen=True, kw_only=True)
class KindSheet:
    """The sheet of an asset kind. `row` builds the row of all documents with the same key."""

    asset: AssetKind
    layout: SheetLayout
    row: Callable[[Sequence[Document]], Row]
    severity: str = ""  # field by which the rows are sorted, the worst first


SITE = SheetLayout(
    title=display_name("site", "zh-CN"),
    header=("site", "title", "指纹", "状态码", "favicon hash"),
    widths=(35, 40, 60, 20, 30),
)
IP = SheetLayout(
    title=display_name("ip", "zh-CN"),
    header=("IP", "端口信息", "开放端口数目", "geo", "as 编号", "domain", "操作系统", "CDN", "类别"),
    widths=(22, 50, 14, 25, 55, 60, 40, 40, 20),
)
SERVICE = SheetLayout(
    title=display_name("service", "zh-CN"),
    header=("IP", "端口", "服务", "产品", "版本"),
    widths=(22, 10, 20, 40, 20),
    name_columns=(0, 1),
)
DOMAIN = SheetLayout(
    title=display_name("domain", "zh-CN"),
    header=("域名", "解析类型", "记录值", "关联ip"),
    widths=(30, 20, 50, 50),
)


def site_row(documents: Sequence[Document]) -> Row:
    """Merge a site that several tasks found: the first title and status, all fingerprints."""
    names = (
        finger if isinstance(finger, str) else mapping(finger).get("name")
        for document in documents
        for finger in items(document.get("finger"))
    )
    favicons = [mapping(document.get("favicon")) for document in documents]
    return (
        *site_key(documents[0]),
        text(first(documents, "title")),
        LINE_BREAK.join(unique(names)),
        number(first(documents, "status")),
        number(first(favicons, "hash")),
    )


def domain_row(documents: Sequence[Document]) -> Row:
    return (
        text(first(documents, "domain")),
        text(first(documents, "type")),
        LINE_BREAK.join(union(documents, "record")),
        LINE_BREAK.join(sorted(union(documents, "ips"), key=ip_order)),
    )


Service = tuple[int | str, str, str, str]  # port, service, product, version


def parse_services(documents: Iterable[Document]) -> list[Service]:
    """Return the services at the open ports of one address, without repetitions, ordered by port."""
    found = {
        (
            number(info.get("port_id")),
            text(info.get("service_name")),
            text(info.get("product")),
            text(info.get("version")),
        )
        for document in documents
        for info in map(mapping, items(document.get("port_info")))
    }
    return sorted(found, key=_port_order)


def _port_order(service: Service) -> tuple[int, str, str, str, str]:
    port, *rest = service
    numeric = port if isinstance(port, int) else 1 << 60  # other values come last
    name, product, version = rest
    return (numeric, text(port), name, product, version)


def ip_row(documents: Sequence[Document], services: Sequence[Service]) -> Row:
    """Merge an address that several tasks found: the first of single values, all of lists."""
    city, asn = mapping(first(documents, "geo_city")), mapping(first(documents, "geo_asn"))
    ports = unique(service[0] for service in services)
    return (
        text(first(documents, "ip")),
        LINE_BREAK.join(ports),
        len(ports),
        "/".join(filter(None, (text(city.get("country_name")), text(city.get("region_name"))))),
        text(asn.get("organization")),
        LINE_BREAK.join(union(documents, "domain")),
        text(mapping(first(documents, "os_info")).get("name")),
        text(first(documents, "cdn_name")),
        text(first(documents, "ip_type")),
    )


def translated(layout: SheetLayout, kind: str, lang: str) -> SheetLayout:
    """Return a layout of ARL's in a language. A Chinese workbook has its own labels, unchanged."""
    words = load_words("arl", lang)
    title = display_name(kind, lang) if kind else words[layout.title]
    return replace(layout, title=title, header=[words[label] for label in layout.header])


def ip_row_from_documents(documents: Sequence[Document]) -> Row:
    return ip_row(documents, parse_services(documents))


def parse_address(documents: Sequence[Document]) -> tuple[Row, Sequence[Row]] | None:
    """Return the row of an address and its services, or None if there are no documents."""
    if not documents:
        return None
    services = parse_services(documents)
    return ip_row(documents, services), services


def services_by_port(address: Any) -> dict[object, list[Row]]:
    """Group the service rows of an address by port."""
    found: dict[object, list[Row]] = {}
    row, services = address or (("",), ())
    for service in services:
        found.setdefault(service[0], []).append((row[0], *service))
    return found


def join_services(rows: Sequence[Row]) -> Row | None:
    """Join all services at one port into one row, which can be compared."""
    if not rows:
        return None
    columns = zip(*rows, strict=True)
    return tuple(values[0] if len(rows) == 1 else _join_values(values) for values in columns)


def _join_values(values: Sequence[object]) -> object:
    different = list(dict.fromkeys(values))
    return different[0] if len(different) == 1 else "\n".join(map(text, different))


ARL_SHEETS: dict[str, KindSheet] = {
    "ip": KindSheet(asset=ASSET_KINDS["ip"], layout=IP, row=ip_row_from_documents),
    "site": KindSheet(asset=ASSET_KINDS["site"], layout=SITE, row=site_row),
    "domain": KindSheet(asset=ASSET_KINDS["domain"], layout=DOMAIN, row=domain_row),
}
