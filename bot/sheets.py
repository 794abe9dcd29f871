"""The sheets of ARL's export, as data: header, widths, and how a merged document becomes rows. Pure.

Names, headers, order and merge rules are ARL's (`app/routes/export.py` of wpsec/ARL-Source-Install); its
bugs are not:
numbers sort as numbers, missing fields stay empty.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]
Row = Sequence[object]

LINES = " \r\n"  # between the values of one cell
TOP = 20  # of each statistic
SAME_SERVICE = {"https-alt": "https", "http-alt": "http"}


@dataclass(frozen=True, kw_only=True)
class SheetPlan:
    """One sheet: its title, its header, the widths of its columns in characters."""

    title: str
    header: Sequence[str]
    widths: Sequence[int]


SITE = SheetPlan(
    title="站点", header=("site", "title", "指纹", "状态码", "favicon hash"), widths=(35, 40, 60, 20, 30)
)
IP = SheetPlan(
    title="IP",
    header=("IP", "端口信息", "开放端口数目", "geo", "as 编号", "domain", "操作系统", "CDN", "类别"),
    widths=(22, 50, 14, 25, 55, 60, 40, 40, 20),
)
SERVICE = SheetPlan(
    title="系统服务", header=("IP", "端口", "服务", "产品", "版本"), widths=(22, 10, 20, 40, 20)
)
DOMAIN = SheetPlan(title="域名", header=("域名", "解析类型", "记录值", "关联ip"), widths=(30, 20, 50, 50))
STATISTICS = "资产统计"


def text(value: object) -> str:
    return "" if value is None else str(value)


def mapping(value: object) -> Document:
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else []


def number(value: object) -> int | str:
    """A number as a number, whatever it was written as; anything else as text."""
    try:
        return int(str(value))
    except ValueError:
        return text(value)


def first(documents: Iterable[Document], key: str) -> Any:
    """The first value that says something."""
    return next((document[key] for document in documents if document.get(key)), None)


def union(documents: Iterable[Document], key: str) -> list[str]:
    """All values of a list field, once each, sorted."""
    return sorted({text(value) for document in documents for value in items(document.get(key)) if value})


def ip_order(value: str) -> tuple[int, int, str]:
    """Addresses in the order of their numbers, anything else behind them."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return (9, 0, value)
    return (address.version, int(address), value)


def site_row(documents: Sequence[Document]) -> Row:
    """One site, found by several tasks: the first title and status, all fingerprints once."""
    names = [
        text(mapping(finger).get("name"))
        for document in documents
        for finger in items(document.get("finger"))
    ]
    favicons = [mapping(document.get("favicon")) for document in documents]
    return (
        text(first(documents, "site") or first(documents, "url")),
        text(first(documents, "title")),
        LINES.join(dict.fromkeys(name for name in names if name)),
        number(first(documents, "status")) if first(documents, "status") else "",
        text(first(favicons, "hash")),
    )


@dataclass(frozen=True, kw_only=True, order=True)
class Port:
    """One open port with what answers there; ordered by number."""

    id: tuple[int, str]
    service: str
    product: str
    version: str


def ports_of(documents: Iterable[Document]) -> list[Port]:
    """The open ports of one address, each banner once, in the order of their numbers."""
    found = set()
    for document in documents:
        for info in map(mapping, items(document.get("port_info"))):
            port = number(info.get("port_id"))
            order = (port, "") if isinstance(port, int) else (1 << 20, port)
            found.add(
                Port(
                    id=order,
                    service=text(info.get("service_name")),
                    product=text(info.get("product")),
                    version=text(info.get("version")),
                )
            )
    return sorted(found)


def port_number(port: Port) -> int | str:
    return port.id[1] or port.id[0]


def ip_row(documents: Sequence[Document], ports: Sequence[Port]) -> Row:
    """One address, found by several tasks: the first of what is single, all of what is many."""
    city, asn = mapping(first(documents, "geo_city")), mapping(first(documents, "geo_asn"))
    place = [text(city.get("country_name")), text(city.get("region_name"))]
    numbers = dict.fromkeys(text(port_number(port)) for port in ports)
    return (
        text(first(documents, "ip")),
        LINES.join(numbers),
        len(numbers),
        "/".join(part for part in place if part),
        text(asn.get("organization")),
        LINES.join(union(documents, "domain")),
        text(mapping(first(documents, "os_info")).get("name")),
        text(first(documents, "cdn_name")),
        text(first(documents, "ip_type")),
    )


def service_rows(address: str, ports: Iterable[Port]) -> Iterator[Row]:
    for port in ports:
        yield (address, port_number(port), port.service, port.product, port.version)


def domain_row(documents: Sequence[Document]) -> Row:
    return (
        text(first(documents, "domain")),
        text(first(documents, "type")),
        LINES.join(union(documents, "record")),
        LINES.join(sorted(union(documents, "ips"), key=ip_order)),
    )


@dataclass(kw_only=True)
class Statistics:
    """ARL's three counts over all open ports; flat in memory, since their kinds are few."""

    ports: Counter[int | str] = field(default_factory=Counter)
    services: Counter[str] = field(default_factory=Counter)
    products: Counter[str] = field(default_factory=Counter)

    def add(self, ports: Iterable[Port]) -> None:
        for port in ports:
            self.ports[port_number(port)] += 1
            if port.product:
                self.services[SAME_SERVICE.get(port.service, port.service)] += 1
                if "**" not in port.product:
                    self.products[port.product] += 1

    def rows(self) -> Iterator[Row]:
        """The sheet as ARL lays it out: three blocks, in columns A, F and K."""
        blocks: list[tuple[str, Counter[Any], str, str]] = [
            ("端口信息统计", self.ports, "端口", "端口开放总数"),
            ("系统服务信息统计", self.services, "系统服务", "系统服务类别总数"),
            ("软件产品信息统计", self.products, "产品", "产品类别总数"),
        ]
        yield _beside([(title,) for title, _, _, _ in blocks])
        yield from [()] * 3
        yield _beside([(label, "数量", "占比") for _, _, label, _ in blocks])
        tops = [counts.most_common(TOP) for _, counts, _, _ in blocks]
        totals = [counts.total() for _, counts, _, _ in blocks]
        for place in range(TOP):
            yield _beside([_share(top, place, total) for top, total in zip(tops, totals, strict=True)])
        yield ()
        yield _beside([(label,) for _, _, _, label in blocks])
        yield _beside([(total,) for total in totals])


def _share(top: Sequence[tuple[object, int]], place: int, total: int) -> Row:
    if place >= len(top):
        return ()
    name, count = top[place]
    return (name, count, f"{count / total:.2%}")


def _beside(blocks: Sequence[Row]) -> Row:
    """Blocks of up to three cells in columns A, F and K."""
    row: list[object] = []
    for block in blocks:
        row += [*block, *[None] * (5 - len(block))]
    return row
