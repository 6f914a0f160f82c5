"""URL metrics by the native kernel."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.native_text import character_flags, lower_case
from refinery.kernels.reference import urls as reference
from refinery.kernels.reference.blocklist import Blocklist
from refinery.kernels.reference.urls import URL_METRICS, UrlRules

_SPACE, _WORD = 1, 2


def url_metrics(urls: pa.StringArray, rules: UrlRules) -> pa.RecordBatch:
    columns, left = _prepared(rules).metrics(urls, _classes())
    metrics = pa.RecordBatch.from_arrays(columns, schema=URL_METRICS)
    if not len(left):
        return metrics
    # Hosts beyond ASCII, percent-encoded hosts and IP addresses are few, and need Python's tables.
    both = pa.concat_batches([metrics, reference.url_metrics(urls.take(left), rules)])
    order = np.arange(len(urls))
    order[left.to_numpy()] = np.arange(len(urls), len(both))
    return both.take(pa.array(order))


@lru_cache(maxsize=8)
def _prepared(rules: UrlRules) -> _native.PreparedUrlRules:
    return _native.PreparedUrlRules(
        [_parts(each) for each in rules.blocklists],
        rules.allow,
        rules.curated,
        sorted(rules.suffixes),
        [list(rules.strict), list(rules.hard), list(rules.soft)],
        lower_case(),
    )


def _parts(each: Blocklist) -> tuple[pa.UInt32Array, pa.UInt32Array, pa.LargeStringArray, pa.Int8Array, list[str]]:
    first, tag, entry, category = each.batch.columns
    return first, tag, entry, category.indices, category.dictionary.to_pylist()


@cache
def _classes() -> bytes:
    """Return a byte per code point: the sum of ``_SPACE`` for ``str.isspace`` and ``_WORD`` for ``str.isalnum``."""
    classes = _SPACE * character_flags(str.isspace) + _WORD * character_flags(str.isalnum)
    return classes.tobytes()
