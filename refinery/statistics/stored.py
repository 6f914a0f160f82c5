"""The statistics of a part as they are stored: gzipped JSON that its receipt names."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from refinery.errors import StorageError
from refinery.identity import canonical
from refinery.root.receipts import Receipt
from refinery.root.root import Root


def put_statistics(root: Root, path: str, values: Mapping[str, Any]) -> None:
    """Write the JSON of statistics."""
    root.store.put(root.full(path), gzip.compress(canonical(values), mtime=0))


def parsed(root: Root, receipt: Receipt, read: Callable[[Any], None]) -> None:
    """Give a part's statistics, as JSON, to ``read``. Raises StorageError where they are missing or damaged."""
    data = read_statistics(root, receipt)
    try:
        read(json.loads(data))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise _damaged(root, receipt, error) from error  # JSON may hold anything


def read_statistics(root: Root, receipt: Receipt) -> bytes:
    """The JSON of a part's statistics. Raises StorageError where they are missing or damaged."""
    try:
        return gzip.decompress(root.store.read(root.full(receipt.statistics)))
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(root, receipt, error) from error


def _damaged(root: Root, receipt: Receipt, error: Exception) -> StorageError:
    told = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return StorageError(
        f"{root.full(receipt.statistics)}: damaged statistics ({told})",
        hint=f"`refinery run --from {receipt.stage}` makes it again; `refinery verify` names all that is damaged",
    )
