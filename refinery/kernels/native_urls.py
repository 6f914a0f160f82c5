"""URL facts by the native kernel: ``refinery.kernels.reference.urls.url_facts``, value for value.

Importing this fails where the native kernels are not built.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.native_text import character_flags, lower_case
from refinery.kernels.reference import urls as reference
from refinery.kernels.reference.listed import Listed
from refinery.kernels.reference.urls import URL_FACTS, UrlRules

_SPACE, _WORD = 1, 2


def url_facts(urls: pa.StringArray, rules: UrlRules) -> pa.RecordBatch:
    columns, left = _prepared(rules).facts(urls, _classes())
    facts = pa.RecordBatch.from_arrays(columns, schema=URL_FACTS)
    if not len(left):
        return facts
    # Hosts beyond ASCII, percent-encoded ones and IP addresses are few, and Python's tables decide about them.
    both = pa.concat_batches([facts, reference.url_facts(urls.take(left), rules)])
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


def _parts(each: Listed) -> tuple[pa.UInt32Array, pa.UInt32Array, pa.LargeStringArray, pa.Int8Array, list[str]]:
    first, tag, entry, category = each.batch.columns
    return first, tag, entry, category.indices, category.dictionary.to_pylist()


@cache
def _classes() -> bytes:
    """One byte for each code point: the sum of ``_SPACE`` and ``_WORD``, where ``str.isspace`` and ``isalnum`` hold."""
    classes = _SPACE * character_flags(str.isspace) + _WORD * character_flags(str.isalnum)
    return classes.tobytes()
