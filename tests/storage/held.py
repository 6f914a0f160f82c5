"""Contents of a root in any store."""

from __future__ import annotations

from typing import Any

from refinery.root.root import Root
from refinery.store import store_for


def contents_of(path: str) -> dict[str, Any]:
    """Return content ids of every part and phase of every stage, and the merged statistics, by folder."""
    root = Root(path, store_for(path))
    head = root.head()
    assert head is not None
    manifests = {folder: root.manifest(place) for folder, place in head.manifests.items()}
    return {
        folder: (
            [receipt.contents for receipt in root.receipts(folder, [*manifest.parts, *manifest.shuffle])],
            manifest.statistics.model_dump(mode="json"),
        )
        for folder, manifest in manifests.items()
    }
