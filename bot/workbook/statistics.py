"""Count ports, services and products for the sheet 资产统计, laid out as by ARL. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.assets.values import Percentage
from bot.workbook.sheets import Row, Service, SheetLayout
from cards.catalogue import load_words

MAX_ENTRIES = 20  # per block
SERVICE_ALIASES = {"https-alt": "https"}  # the only alias that ARL counts as one

LAYOUT = SheetLayout(title="资产统计", header=(), widths=(20, 12, 12, 12, 12, 20, 12, 12, 12, 12, 40, 12, 12))


@dataclass(kw_only=True)
class Statistics:
    """ARL's three counts over all open ports. Memory grows with the number of distinct values only."""

    ports: Counter[int | str] = field(default_factory=Counter)
    services: Counter[str] = field(default_factory=Counter)
    products: Counter[str] = field(default_factory=Counter)

    def add(self, services: Iterable[Service]) -> None:
        for port, name, product, _ in services:
            self.ports[port] += 1
            if product:
                self.services[SERVICE_ALIASES.get(name, name)] += 1
                if "**" not in product:
                    self.products[product] += 1

    def rows(self, lang: str = "zh-CN") -> Iterator[Row]:
        """Yield the rows of three blocks, in columns A, F and K."""
        words = load_words("arl", lang)
        blocks: list[tuple[str, Counter[Any], str, str]] = [
            ("端口信息统计", self.ports, "端口", "端口开放总数"),
            ("系统服务信息统计", self.services, "系统服务", "系统服务类别总数"),
            ("软件产品信息统计", self.products, "产品", "产品类别总数"),
        ]
        yield _side_by_side([(words[title],) for title, _, _, _ in blocks])
        yield from [()] * 3
        yield _side_by_side([(words[label], words["数量"], words["占比"]) for _, _, label, _ in blocks])
        tops = [counts.most_common(MAX_ENTRIES) for _, counts, _, _ in blocks]
        totals = [counts.total() for _, counts, _, _ in blocks]
        for place in range(MAX_ENTRIES):
            yield _side_by_side([
                _count_cells(top, place, total) for top, total in zip(tops, totals, strict=True)
            ])
        yield ()
        yield _side_by_side([(words[label],) for _, _, _, label in blocks])
        yield _side_by_side([(total,) for total in totals])


def _count_cells(top: Sequence[tuple[object, int]], place: int, total: int) -> Row:
    if place >= len(top):
        return ()
    name, count = top[place]
    return (name, count, Percentage(count / total))


def _side_by_side(blocks: Sequence[Row]) -> Row:
    """Place blocks of up to three cells in columns A, F and K."""
    row: list[object] = []
    for block in blocks:
        row += [*block, *[None] * (5 - len(block))]
    return row
