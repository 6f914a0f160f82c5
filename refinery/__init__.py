"""Web archives into text for pretraining: the public names.

They are imported when they are first used, so that ``import refinery`` and the command line's help stay quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refinery.assets import Asset, fetch
    from refinery.config import Pipeline, Step, load
    from refinery.docs import CORE, DATE, HTML, ID, LENGTH, OFFSET, POINTER, TEXT, TOKENS, URL, WARC, Docs, facts_column
    from refinery.errors import AssetError, PartFailed, RefineryError, Refused, StorageError, UsageError
    from refinery.forecast import Forecast, plan
    from refinery.inspect import problems, read_books, sample, status, sweep, verify, why
    from refinery.runner import RunReport, run
    from refinery.stage import (
        Duration,
        Edit,
        Edited,
        Filter,
        Global,
        Mapped,
        MappedPart,
        Metric,
        Records,
        Rule,
        Size,
        Source,
        Stage,
        Values,
        bound,
        tuning,
    )
    from refinery.store import Store, store_for
    from refinery.survey import Selection

_HOMES = {
    "Asset": "refinery.assets",
    "AssetError": "refinery.errors",
    "CORE": "refinery.docs",
    "DATE": "refinery.docs",
    "Docs": "refinery.docs",
    "Duration": "refinery.stage",
    "Edit": "refinery.stage",
    "Edited": "refinery.stage",
    "Filter": "refinery.stage",
    "Forecast": "refinery.forecast",
    "Global": "refinery.stage",
    "HTML": "refinery.docs",
    "ID": "refinery.docs",
    "LENGTH": "refinery.docs",
    "Mapped": "refinery.stage",
    "MappedPart": "refinery.stage",
    "Metric": "refinery.stage",
    "OFFSET": "refinery.docs",
    "POINTER": "refinery.docs",
    "PartFailed": "refinery.errors",
    "Pipeline": "refinery.config",
    "Records": "refinery.stage",
    "RefineryError": "refinery.errors",
    "Refused": "refinery.errors",
    "Rule": "refinery.stage",
    "RunReport": "refinery.runner",
    "Selection": "refinery.survey",
    "Size": "refinery.stage",
    "Source": "refinery.stage",
    "Stage": "refinery.stage",
    "Step": "refinery.config",
    "StorageError": "refinery.errors",
    "Store": "refinery.store",
    "TEXT": "refinery.docs",
    "TOKENS": "refinery.docs",
    "URL": "refinery.docs",
    "UsageError": "refinery.errors",
    "Values": "refinery.stage",
    "WARC": "refinery.docs",
    "bound": "refinery.stage",
    "facts_column": "refinery.docs",
    "fetch": "refinery.assets",
    "load": "refinery.config",
    "plan": "refinery.forecast",
    "problems": "refinery.inspect",
    "read_books": "refinery.inspect",
    "run": "refinery.runner",
    "sample": "refinery.inspect",
    "status": "refinery.inspect",
    "store_for": "refinery.store",
    "sweep": "refinery.inspect",
    "tuning": "refinery.stage",
    "verify": "refinery.inspect",
    "why": "refinery.inspect",
}

__all__ = [
    "CORE",
    "DATE",
    "HTML",
    "ID",
    "LENGTH",
    "OFFSET",
    "POINTER",
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
    "Filter",
    "Forecast",
    "Global",
    "Mapped",
    "MappedPart",
    "Metric",
    "PartFailed",
    "Pipeline",
    "Records",
    "RefineryError",
    "Refused",
    "Rule",
    "RunReport",
    "Selection",
    "Size",
    "Source",
    "Stage",
    "Step",
    "StorageError",
    "Store",
    "UsageError",
    "Values",
    "bound",
    "facts_column",
    "fetch",
    "load",
    "plan",
    "problems",
    "read_books",
    "run",
    "sample",
    "status",
    "store_for",
    "sweep",
    "tuning",
    "verify",
    "why",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"refinery has no public name {name!r}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
