"""What ARL found, sorted on our side.

ARL has no index that would give documents by their key, and its MongoDB refuses to sort many without one.
So they come as they lie, and are sorted here by way of temporary files, so that memory stays flat.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import islice

from bot.assets.external_sort import CHUNK_ITEMS, ExternalSort, Key
from bot.assets.kinds import ASSET_KINDS, slimmed
from bot.engines.arl_documents import Document

__all__ = ["FINDINGS", "slimmed", "sorted_by_key"]

BATCH = 500  # documents that are read back at once

FINDINGS = ASSET_KINDS
"""ARL's collections are the kinds of assets."""


async def sorted_by_key(
    documents: AsyncIterator[Document], key: Callable[[Document], Key], *, chunk: int = CHUNK_ITEMS
) -> AsyncIterator[Document]:
    """Yield the same documents by their keys; a few are sorted in memory, many by way of files."""
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
        while found := await asyncio.to_thread(lambda: list(islice(merging, BATCH))):
            for _, document in found:
                yield document
