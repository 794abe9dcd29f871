"""ARL's workbooks, with ARL's bugs: text that begins with `=` becomes a formula, control characters fail.

Not emulated: the fonts of the first 255 rows.
"""

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.utils.exceptions import IllegalCharacterError

from arl_sandbox.errors import InternalError

Json = dict[str, Any]
Row = list[Any]
Clean = Callable[[Any], Any]

LINE_BREAK = " \r\n"
MAX_CELL_LENGTH = 32_767
MAX_STATISTIC_ROWS = 20
COLUMN_LETTERS = ("A", "B", "C", "D", "E", "F", "G", "H", "I")
SITE_SHEET = (("site", "title", "指纹", "状态码", "favicon hash"), (35, 40, 60, 20, 30))
IP_SHEET = (
    ("IP", "端口信息", "开放端口数目", "geo", "as 编号", "domain", "操作系统", "CDN", "类别"),
    (22, 50, 10, 25, 55, 60, 40, 40, 20),
)
IP_TASK_SHEET = (("IP", "端口信息", "开放端口数目", "geo", "as 编号", "操作系统"), (22, 50, 10, 25, 55, 55))
SERVICE_SHEET = (("IP", "端口", "服务", "产品", "版本"), (22, 10, 20, 40, 40))
DOMAIN_SHEET = (("域名", "解析类型", "记录值", "关联ip"), (30, 20, 50, 50))
STATISTIC_BLOCKS = (("A", "端口", "端口开放"), ("F", "系统服务", "系统服务类别"), ("K", "产品", "产品类别"))
STATISTIC_TITLES = ("端口信息统计", "系统服务信息统计", "软件产品信息统计")
BLOCK_HEADER_ROW, BLOCK_FIRST_ROW, BLOCK_TOTAL_ROW = 5, 6, 27

_CONTROL = re.compile(r"[\000-\010\013\014\016-\037]")


def sanitize_cell(value: object) -> str:
    """Remove control characters and cut the text, as the merged workbook does with most cells."""
    return "" if value is None else _CONTROL.sub("", str(value))[:MAX_CELL_LENGTH]


def keep_cell(value: object) -> object:
    return value


class ExportWorkbook:
    """Writes one workbook. `clean` sanitizes cells. Workbooks of a single task are not sanitized."""

    def __init__(self, clean: Clean) -> None:
        self._clean = clean
        self._book = Workbook()
        self._book.remove(self._book.worksheets[0])

    def sheet(self, title: str, shape: tuple[Sequence[str], Sequence[int]], rows: Iterable[Row]) -> None:
        head, widths = shape
        sheet = self._book.create_sheet(title)
        for letter, width in zip(COLUMN_LETTERS, widths, strict=False):
            sheet.column_dimensions[letter].width = width
        sheet.append(list(head))
        try:
            for row in rows:
                sheet.append(row)
        except (IllegalCharacterError, ValueError):
            raise InternalError from None

    def sites(self, sites: Iterable[Json]) -> None:
        rows = (
            [
                self._clean(site["site"]),
                sanitize_cell(site["title"]),
                self._fingerprints(site),
                self._clean(site["status"]),
                self._clean((site.get("favicon") or {}).get("hash", "")),
            ]
            for site in sites
        )
        self.sheet("站点", SITE_SHEET, rows)

    def _fingerprints(self, site: Json) -> str:
        """Join the names with commas, then replace every comma with a line break, as ARL does."""
        return ",".join(each["name"] for each in site["finger"]).replace(",", "\n")

    def addresses(self, ips: Iterable[Json], *, alone: bool) -> None:
        self.sheet("IP", IP_TASK_SHEET if alone else IP_SHEET, (self._address(ip, alone=alone) for ip in ips))

    def _address(self, ip: Json, *, alone: bool) -> Row:
        ports = [str(port["port_id"]) for port in ip["port_info"]]
        city, network = ip.get("geo_city") or {}, ip.get("geo_asn") or {}
        known = "country_name" in city
        place = f"{city.get('country_name')}/{city.get('region_name')}" if known else ""
        owner = network.get("organization", "") if known else ""
        system = (ip.get("os_info") or {}).get("name", "")
        more = [system]
        if not alone:
            names = LINE_BREAK.join(ip.get("domain") or [])
            more = [names, system, ip.get("cdn_name", ""), ip.get("ip_type", "")]
        first = [self._clean(ip["ip"]), self._clean(LINE_BREAK.join(ports)), len(ports)]
        return [*first, *(self._clean(each) for each in [place, owner, *more])]

    def services(self, ips: Iterable[Json]) -> None:
        """Add one row per port and address."""
        fields = ("port_id", "service_name", "product", "version")
        rows = ([ip["ip"], *(port[name] for name in fields)] for ip in ips for port in ip["port_info"])
        self.sheet("系统服务", SERVICE_SHEET, ([self._clean(cell) for cell in row] for row in rows))

    def domains(self, domains: Iterable[Json]) -> None:
        rows = (
            [each["domain"], each["type"], LINE_BREAK.join(each["record"]), LINE_BREAK.join(each["ips"])]
            for each in domains
        )
        self.sheet("域名", DOMAIN_SHEET, ([self._clean(cell) for cell in row] for row in rows))

    def statistics(self, ips: Iterable[Json]) -> None:
        """Add three blocks side by side. The totals count occurrences, not distinct values."""
        ports = [port for ip in ips for port in ip["port_info"]]
        real = [port for port in ports if port["product"]]
        counted = (
            Counter(str(port["port_id"]) for port in ports),
            Counter(port["service_name"].replace("https-alt", "https") for port in real),
            Counter(port["product"] for port in real if "**" not in port["product"]),
        )
        sheet = self._book.create_sheet("资产统计")
        for (letter, name, total), head, counts in zip(
            STATISTIC_BLOCKS, STATISTIC_TITLES, counted, strict=True
        ):
            self._block(sheet, letter, (head, name, total), counts)

    def _block(self, sheet: Any, letter: str, words: tuple[str, str, str], counts: Counter[str]) -> None:
        head, name, total = words
        column, everything = ord(letter) - ord("A") + 1, counts.total()
        sheet[f"{letter}1"] = head
        for place, word in enumerate((name, "数量", "占比")):
            sheet.cell(BLOCK_HEADER_ROW, column + place, word)
        for row, (each, number) in enumerate(counts.most_common(MAX_STATISTIC_ROWS), BLOCK_FIRST_ROW):
            share = f"{100 * number / everything:.2f}%"
            for place, cell in enumerate((self._clean(each), number, share)):
                sheet.cell(row, column + place, cell)
        sheet[f"{letter}{BLOCK_TOTAL_ROW}"] = f"{total}总数"
        sheet[f"{letter}{BLOCK_TOTAL_ROW + 1}"] = everything

    def content(self) -> bytes:
        held = io.BytesIO()
        self._book.save(held)
        return held.getvalue()


def build_workbook(found: dict[str, list[Json]], *, alone: bool, clean: Clean) -> bytes:
    """Build the workbook of a result. `alone` is for tasks that scan addresses only."""
    book = ExportWorkbook(clean)
    try:
        book.sites(found["site"])
        book.addresses(found["ip"], alone=alone)
        book.services(found["ip"])
        if not alone:
            book.domains(found["domain"])
        book.statistics(found["ip"])
    except (KeyError, TypeError, AttributeError, IllegalCharacterError):
        raise InternalError from None
    return book.content()
