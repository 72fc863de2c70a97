"""Documents of one kind in one workspace, with the lists over them.

The modules of this package keep their objects here; each brings its own rules about what a document holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from managed_agents_simulator.clock import Instant, wire_time
from managed_agents_simulator.ledger import Ledger
from managed_agents_simulator.wire.errors import invalid, not_found
from managed_agents_simulator.wire.index import Index, Key
from managed_agents_simulator.wire.paging import Window, turn
from managed_agents_simulator.wire.query import Query


@dataclass(slots=True)
class Document:
    """One object. `body` is what the wire shows, `hidden` what it never shows (secrets, contents, versions)."""

    kind: str
    id: str
    workspace: str
    created: Instant
    body: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict)

    @property
    def archived(self) -> bool:
        """Whether the object was archived."""
        return self.body.get("archived_at") is not None

    def to_json(self) -> dict[str, Any]:
        """All of it, for the ledger."""
        return asdict(self)


class Shelf:
    """The documents of one kind in one workspace."""

    def __init__(self, kind: str, workspace: str, ledger: Ledger) -> None:
        self.kind = kind
        self.workspace = workspace
        self._ledger = ledger
        self._documents: dict[str, Document] = {}
        self._index = Index()

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._documents.values())

    def put(self, document: Document) -> Document:
        """Put a new document on the shelf."""
        self._documents[document.id] = document
        self._index.add((document.created, document.id))
        self._ledger.save(document)
        return document

    def restore(self, body: dict[str, Any]) -> None:
        """Put back a document that the ledger kept."""
        self.put(Document(**body))

    def find(self, identifier: str) -> Document | None:
        """The document, or None."""
        return self._documents.get(identifier)

    def get(self, identifier: str) -> Document:
        """The document. Raises 404."""
        document = self.find(identifier)
        if document is None:
            raise not_found(self.kind.replace("_", " ").capitalize(), identifier)
        return document

    def changed(self, document: Document, now: Instant) -> Document:
        """Say that the document was changed now."""
        document.body["updated_at"] = wire_time(now)
        self._ledger.save(document)
        return document

    def archive(self, identifier: str, now: Instant) -> Document:
        """Archive the document; once is as good as twice. Raises 404."""
        document = self.get(identifier)
        if not document.archived:
            document.body["archived_at"] = wire_time(now)
            self.changed(document, now)
        return document

    def remove(self, identifier: str) -> dict[str, Any]:
        """Delete the document and give the API's confirmation. Raises 404."""
        document = self.get(identifier)
        del self._documents[document.id]
        self._index.remove((document.created, document.id))
        self._ledger.remove(self.kind, document.id)
        return {"id": document.id, "type": f"{self.kind}_deleted"}

    def page(
        self, query: Query, *, maximum: int = 100, scope: str | None = None, until: Instant | None = None
    ) -> dict[str, Any]:
        """One page of the list, newest first, archived ones only when asked for.

        `scope` keeps the documents of that scope only, `until` those that were made by then.
        """
        window = Window.read(query, default=20, maximum=maximum, order=None)
        archived_too = query.flag("include_archived")

        def keep(identifier: str) -> bool:
            document = self._documents[identifier]
            made = until is None or document.created <= until
            return made and (archived_too or not document.archived) and document.hidden.get("scope") == scope

        def key(identifier: str) -> Key:
            return self._documents[identifier].created, identifier

        page = turn(self._index, window, keep, key)
        return {"data": [self._documents[name].body for name in page.ids], "next_page": page.following}


def merge_metadata(current: dict[str, str], patch: dict[str, str | None], *, maximum: int = 16) -> dict[str, str]:
    """Metadata after a patch: strings set a key, null deletes it. Raises 400 when too many pairs result."""
    merged = {**current, **{key: value for key, value in patch.items() if value is not None}}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
    if len(merged) > maximum:
        raise invalid(f"metadata: at most {maximum} pairs are kept, and this would make {len(merged)}")
    return merged
