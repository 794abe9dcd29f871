"""ARL's merged export as a reference to measure against: written anew from a description of what it does.

Everything is held twice: merged in dictionaries, then as the cells of an in-memory workbook; each sheet gets
its style painted on columns A to O and rows 1 to 255. What it counts in 资产统计 is left out.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font

from bot.assets.values import Document
from bot.workbook.sheets import DOMAIN, IP, SERVICE, SITE, SheetLayout

_UNWRITABLE = re.compile("[\000-\010\013\014\016-\037]")
STYLED_COLUMNS, STYLED_ROWS = 15, 255


def sanitized(value: object) -> str:
    text = "" if value is None else str(value)
    return _UNWRITABLE.sub("", text)[:32767]


def merged_export(path: Path, found: Mapping[str, Iterable[Document]]) -> int:
    """Write the workbook; its data rows."""
    ips = merged_ips(found["ip"])
    domains = merged_domains(found["domain"])
    sites = merged_sites(found["site"])
    book = Workbook()
    sheets = [
        (SITE, [site_row(sites[key]) for key in sorted(sites)]),
        (IP, [ip_row(ips[key]) for key in sorted(ips)]),
        (SERVICE, [row for key in sorted(ips) for row in service_rows(ips[key])]),
        (DOMAIN, [domain_row(domains[key]) for key in sorted(domains)]),
    ]
    rows = sum(fill(book, plan, lines) for plan, lines in sheets)
    styled(book.create_sheet("资产统计"))
    book.save(path)
    return rows


def fill(book: Workbook, plan: SheetLayout, rows: list[list[Any]]) -> int:
    sheet = book.create_sheet(plan.title)
    styled(sheet)
    for column, name in enumerate(plan.header, 1):
        sheet.cell(1, column, name)
    for number, row in enumerate(rows, 2):
        for column, value in enumerate(row, 1):
            sheet.cell(number, column, value)
    return len(rows)


def styled(sheet: Any) -> None:
    font = Font(name="Consolas", color="111111")
    for row in range(1, STYLED_ROWS + 1):
        for column in range(1, STYLED_COLUMNS + 1):
            sheet.cell(row, column).font = font


def merged_ips(documents: Iterable[Document]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for document in documents:
        here = merged.setdefault(document["ip"], {"ip": document["ip"], "ports": [], "domain": []})
        for name in ("geo_city", "geo_asn", "os_info", "cdn_name", "ip_type"):
            if not here.get(name):
                here[name] = document.get(name)
        known = {tuple(port.values()) for port in here["ports"]}
        for info in document["port_info"]:
            port = {name: info.get(name) for name in ("port_id", "service_name", "product", "version")}
            if tuple(port.values()) not in known:
                here["ports"].append(port)
        here["domain"] = sorted({*here["domain"], *document["domain"]})
    return merged


def merged_domains(documents: Iterable[Document]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for document in documents:
        here = merged.setdefault(document["domain"], dict(document))
        for name in ("record", "ips"):
            here[name] = sorted({*here[name], *document[name]})
    return merged


def merged_sites(documents: Iterable[Document]) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for document in documents:
        here = merged.setdefault(document["site"], dict(document))
        here["title"] = here["title"] or document["title"]
        names = {finger["name"] for finger in here["finger"]}
        here["finger"] = here["finger"] + [each for each in document["finger"] if each["name"] not in names]
    return merged


def site_row(here: dict[str, Any]) -> list[Any]:
    fingers = ",".join(finger["name"] for finger in here["finger"]).replace(",", "\r\n")
    values = (here["site"], here["title"], fingers, here["status"], here["favicon"]["hash"])
    return [sanitized(value) for value in values]


def ip_row(here: dict[str, Any]) -> list[Any]:
    ports = " \r\n".join(str(port["port_id"]) for port in here["ports"])
    geo = f"{here['geo_city'].get('country_name')}/{here['geo_city'].get('region_name')}"
    texts = (
        geo, here["geo_asn"].get("organization"), " \r\n".join(here["domain"]), here["os_info"].get("name"),
        here["cdn_name"], here["ip_type"],
    )  # fmt: skip
    return [sanitized(here["ip"]), sanitized(ports), len(here["ports"]), *map(sanitized, texts)]


def service_rows(here: dict[str, Any]) -> list[list[Any]]:
    return [[sanitized(value) for value in (here["ip"], *port.values())] for port in here["ports"]]


def domain_row(here: dict[str, Any]) -> list[Any]:
    lines = (" \r\n".join(here["record"]), " \r\n".join(here["ips"]))
    return [sanitized(value) for value in (here["domain"], here["type"], *lines)]
