"""Collections of versioned documents as models."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter

from bot.ports import DocumentStore, StoredDocument


class Versioned(Protocol):
    """A model that is stored as a versioned document."""

    @property
    def version(self) -> int: ...


Model = TypeVar("Model", bound=Versioned)


class ModelCollection(Generic[Model]):
    """One collection of documents as models."""

    def __init__(self, store: DocumentStore, collection: str, model: type[Model]) -> None:
        self._store = store
        self._collection = collection
        self._adapter = TypeAdapter(model)

    async def add(self, id_: str, model: Model, *, group: str = "", due: datetime | None = None) -> bool:
        return await self._store.add_document(self._document(id_, model, group, due))

    async def save(self, id_: str, model: Model, *, group: str = "", due: datetime | None = None) -> bool:
        return await self._store.save_document(self._document(id_, model, group, due))

    async def find(self, id_: str) -> Model | None:
        found = await self._store.find_document(self._collection, id_)
        return self.model(found) if found else None

    async def find_all(
        self, *, ids: Collection[str] = (), group: str = "", limit: int = 100
    ) -> Sequence[Model]:
        found = await self._store.find_documents(self._collection, ids=ids, group=group, limit=limit)
        return [self.model(each) for each in found]

    async def find_due(self, now: datetime, *, group: str = "", limit: int = 100) -> Sequence[Model]:
        found = await self._store.find_due_documents(self._collection, now, group=group, limit=limit)
        return [self.model(each) for each in found]

    async def count(self) -> int:
        return await self._store.count_documents(self._collection)

    def model(self, document: StoredDocument) -> Model:
        return self._adapter.validate_python({**document.data, "version": document.version})

    def _document(self, id_: str, model: Model, group: str, due: datetime | None) -> StoredDocument:
        data: Mapping[str, Any] = self._adapter.dump_python(model, mode="json")
        return StoredDocument(
            collection=self._collection,
            id=id_,
            group=group,
            due=due,
            version=model.version,
            data={name: value for name, value in data.items() if name != "version"},
        )
