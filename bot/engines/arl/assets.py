"""Sorts the assets of ARL by merge key.

ARL has no index on the key, and MongoDB refuses to sort many documents without one. They are sorted here
through temporary files, with bounded memory.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import islice

from bot.assets.external_sort import MAX_ITEMS_IN_MEMORY, ExternalSort, Key
from bot.assets.kinds import ASSET_KINDS, is_keyless, select_fields
from bot.engines.arl.documents import Document

__all__ = ["FINDINGS", "check_depth", "is_keyless", "select_fields", "sorted_by_key"]

BATCH_ITEMS = 500  # read back at once
MAX_DEPTH = 40  # of nested documents

FINDINGS = ASSET_KINDS
"""ARL's collections are the kinds of assets."""


def check_depth(value: object, left: int = MAX_DEPTH) -> None:
    """Raise `ValueError` for a value that is nested too deep to be written again."""
    if not left:
        raise ValueError("too deep")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        check_depth(each, left - 1)


async def sorted_by_key(
    documents: AsyncIterator[Document], key: Callable[[Document], Key], *, chunk: int = MAX_ITEMS_IN_MEMORY
) -> AsyncIterator[Document]:
    """Yield the documents in the order of their keys. More than `chunk` are sorted through files."""
    with ExternalSort(chunk=chunk) as sort:
        batch: list[tuple[Key, Document]] = []
        async for document in documents:
            batch.append((key(document), document))
            if len(batch) >= chunk:
                await asyncio.to_thread(sort.extend, batch)
                batch.clear()
        sort.extend(batch)
        batch.clear()
        merging = iter(sort)
        while found := await asyncio.to_thread(lambda: list(islice(merging, BATCH_ITEMS))):
            for _, document in found:
                yield document
