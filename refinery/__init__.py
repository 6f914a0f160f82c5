"""Web archives into text for pretraining: the public names.

They are imported when they are first used, so that ``import refinery`` and the command line's help stay quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinery.assets import Asset, fetch
    from refinery.config import Pipeline, Step, load
    from refinery.docs import (
        CORE,
        DATE,
        FILE_HEAD,
        HTML,
        ID,
        LENGTH,
        OFFSET,
        POINTER,
        PROTECTED,
        RECORD_ID,
        TEXT,
        TOKENS,
        URL,
        WARC,
        Docs,
        document_ids,
        facts_column,
        file_identity,
    )
    from refinery.errors import AssetError, PartFailed, RefineryError, Refused, StorageError, UsageError
    from refinery.forecast import Forecast, plan
    from refinery.inspect import diff, problems, read_books, sample, spans, status, sweep, verify, what_if, why
    from refinery.inspect.notebook import Opened, open  # noqa: A004 - read as `refinery.open`
    from refinery.runner import RunReport, run
    from refinery.stage import (
        EARLIER,
        EARLIER_BITS,
        PART_BITS,
        Duration,
        Edit,
        Edited,
        Explanation,
        Filter,
        Global,
        Mapped,
        MappedPart,
        Metric,
        Records,
        Round,
        Rule,
        Size,
        Source,
        Stage,
        Suited,
        Values,
        Watch,
        bound,
        tuning,
    )
    from refinery.store import Store, store_for
    from refinery.survey import Selection

_HOMES = {
    "refinery.assets": ("Asset", "fetch"),
    "refinery.config": ("Pipeline", "Step", "load"),
    "refinery.docs": (
        "CORE",
        "DATE",
        "Docs",
        "FILE_HEAD",
        "HTML",
        "ID",
        "LENGTH",
        "OFFSET",
        "POINTER",
        "PROTECTED",
        "RECORD_ID",
        "TEXT",
        "TOKENS",
        "URL",
        "WARC",
        "document_ids",
        "facts_column",
        "file_identity",
    ),
    "refinery.errors": ("AssetError", "PartFailed", "RefineryError", "Refused", "StorageError", "UsageError"),
    "refinery.forecast": ("Forecast", "plan"),
    "refinery.inspect": (
        "diff",
        "problems",
        "read_books",
        "sample",
        "spans",
        "status",
        "sweep",
        "verify",
        "what_if",
        "why",
    ),
    "refinery.inspect.notebook": ("Opened", "open"),
    "refinery.runner": ("RunReport", "run"),
    "refinery.stage": (
        "EARLIER",
        "EARLIER_BITS",
        "Duration",
        "Edit",
        "Edited",
        "Explanation",
        "Filter",
        "Global",
        "Mapped",
        "MappedPart",
        "Metric",
        "PART_BITS",
        "Records",
        "Round",
        "Round",
        "Rule",
        "Size",
        "Source",
        "Stage",
        "Suited",
        "Values",
        "Watch",
        "bound",
        "tuning",
    ),
    "refinery.store": ("Store", "store_for"),
    "refinery.survey": ("Selection",),
}
"""The modules, and the public names of each."""

__all__ = [
    "CORE",
    "DATE",
    "EARLIER",
    "EARLIER_BITS",
    "FILE_HEAD",
    "HTML",
    "ID",
    "LENGTH",
    "OFFSET",
    "PART_BITS",
    "POINTER",
    "PROTECTED",
    "RECORD_ID",
    "TEXT",
    "TOKENS",
    "URL",
    "WARC",
    "Asset",
    "AssetError",
    "Docs",
    "Duration",
    "Edit",
    "Edited",
    "Explanation",
    "Filter",
    "Forecast",
    "Global",
    "Mapped",
    "MappedPart",
    "Metric",
    "Opened",
    "PartFailed",
    "Pipeline",
    "Records",
    "RefineryError",
    "Refused",
    "Round",
    "Rule",
    "RunReport",
    "Selection",
    "Size",
    "Source",
    "Stage",
    "Step",
    "StorageError",
    "Store",
    "Suited",
    "UsageError",
    "Values",
    "Watch",
    "bound",
    "diff",
    "document_ids",
    "facts_column",
    "fetch",
    "file_identity",
    "load",
    "open",
    "plan",
    "problems",
    "read_books",
    "run",
    "sample",
    "spans",
    "status",
    "store_for",
    "sweep",
    "tuning",
    "verify",
    "what_if",
    "why",
]


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"refinery has no public name {name!r}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
