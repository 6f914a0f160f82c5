"""The numeric work behind the stages: functions from Arrow and NumPy buffers to Arrow and NumPy buffers.

Kernels know neither stages nor files, but for the path of a tokenizer's merge list or a language model. Each has a
readable twin in ``refinery.kernels.reference``, which says exactly what it computes.

Where the native extension is built, the functions of ``native_text`` and ``native_dedup`` take the place of their
twins, with the same values. ``REFINERY_KERNELS`` set to ``reference`` or ``native`` forces either.
"""

from __future__ import annotations

import importlib.util
import os

from refinery.kernels.reference.bpe import count_tokens, token_ids, token_lengths
from refinery.kernels.reference.cuts import SPANS, undo
from refinery.kernels.reference.extract import HAS_EXTRACTOR, MAIN_TEXT, main_texts, weights_digest
from refinery.kernels.reference.langid import NO_LANGUAGE, identify_languages
from refinery.kernels.reference.linewise import LineRules, correct_lines
from refinery.kernels.reference.minhash import band_keys, shingles, string_hashes, word_ids
from refinery.kernels.reference.normalise import UNICODE, alignment, characters, normalise
from refinery.kernels.reference.ragged import flat
from refinery.kernels.reference.text import distinct_words, text_statistics
from refinery.kernels.reference.unionfind import components, forest_of, spanning_forest
from refinery.kernels.reference.windows import contains, mark_repeated, mix64, original_spans, window_hashes

_WISH = os.environ.get("REFINERY_KERNELS", "")
_BUILT = importlib.util.find_spec("refinery.kernels._native") is not None

if _WISH not in {"", "reference", "native"}:
    raise ImportError(f"REFINERY_KERNELS is {_WISH!r}; it may be reference or native")
if _WISH == "native" and not _BUILT:
    raise ImportError("REFINERY_KERNELS is native, and the native kernels are not built: install Rust, then refinery")

if _BUILT and _WISH != "reference":
    from refinery.kernels.native_dedup import (
        alignment,
        band_keys,
        characters,
        components,
        contains,
        forest_of,
        mark_repeated,
        mix64,
        normalise,
        shingles,
        spanning_forest,
        string_hashes,
        window_hashes,
        word_ids,
    )
    from refinery.kernels.native_extract import HAS_EXTRACTOR, main_texts, weights_digest
    from refinery.kernels.native_text import distinct_words, text_statistics

__all__ = [
    "HAS_EXTRACTOR",
    "MAIN_TEXT",
    "NO_LANGUAGE",
    "SPANS",
    "UNICODE",
    "LineRules",
    "alignment",
    "band_keys",
    "characters",
    "components",
    "contains",
    "correct_lines",
    "count_tokens",
    "distinct_words",
    "flat",
    "forest_of",
    "identify_languages",
    "main_texts",
    "mark_repeated",
    "mix64",
    "normalise",
    "original_spans",
    "shingles",
    "spanning_forest",
    "string_hashes",
    "text_statistics",
    "token_ids",
    "token_lengths",
    "undo",
    "weights_digest",
    "window_hashes",
    "word_ids",
]
