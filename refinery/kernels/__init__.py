"""The numeric work behind the stages: functions from Arrow and NumPy buffers to Arrow and NumPy buffers.

Kernels know neither stages nor files, but for the path of a tokenizer's merge list or a language model. Each has a
readable twin in ``refinery.kernels.reference``, which says exactly what it computes.

Where the native extension is built, what is in the modules ``native_*`` takes the place of their
twins, with the same values. ``REFINERY_KERNELS`` set to ``reference`` or ``native`` forces either; see
``choice``.
"""

from __future__ import annotations

from refinery.kernels.choice import native
from refinery.kernels.reference.addresses import canonical_host, domains, parse_url
from refinery.kernels.reference.align import Whole, aligned
from refinery.kernels.reference.alike import alike
from refinery.kernels.reference.bpe import count_tokens, token_ids, token_lengths
from refinery.kernels.reference.charset import decoded, header_label
from refinery.kernels.reference.content import ContentHashes
from refinery.kernels.reference.cuts import CUT, SPANS, take_out, undo, with_cut
from refinery.kernels.reference.extract import HAS_EXTRACTOR, MAIN_TEXT, ORIGINS, extractor_versions, main_texts
from refinery.kernels.reference.langid import NO_LANGUAGE, identify_languages
from refinery.kernels.reference.linewise import KINDS, LineRules, correct_lines
from refinery.kernels.reference.listed import LISTED, Listed, listed
from refinery.kernels.reference.minhash import band_keys, shingles, similarities, sketches, string_hashes, word_ids
from refinery.kernels.reference.mojibake import suspects
from refinery.kernels.reference.normalise import UNICODE, normalise
from refinery.kernels.reference.pages import Page, PageRows
from refinery.kernels.reference.payload import dechunked, unpacked
from refinery.kernels.reference.ragged import flat
from refinery.kernels.reference.repeats import at_most_twice, order_of, recurs, repeated
from refinery.kernels.reference.text import BULLETS, ELLIPSES, bare, distinct_words, text_statistics
from refinery.kernels.reference.unionfind import Unions, components, forest_of, spanning_forest
from refinery.kernels.reference.units import text_bytes, token_sizes, word_sizes
from refinery.kernels.reference.urls import NOTHING, UrlRules, url_facts
from refinery.kernels.reference.windows import (
    ELSEWHERE,
    byte_ranges,
    contains,
    mark_copies,
    mark_repeated,
    mix64,
    original_spans,
    window_hashes,
)

if native():
    from refinery.kernels.native_bpe import count_tokens, token_ids
    from refinery.kernels.native_content import ContentHashes
    from refinery.kernels.native_dedup import (
        Unions,
        alike,
        at_most_twice,
        band_keys,
        byte_ranges,
        components,
        contains,
        forest_of,
        mark_copies,
        mark_repeated,
        mix64,
        normalise,
        order_of,
        original_spans,
        recurs,
        repeated,
        shingles,
        sketches,
        spanning_forest,
        string_hashes,
        take_out,
        window_hashes,
        word_ids,
        word_sizes,
    )
    from refinery.kernels.native_extract import HAS_EXTRACTOR, extractor_versions, main_texts
    from refinery.kernels.native_langid import identify_languages
    from refinery.kernels.native_mojibake import suspects
    from refinery.kernels.native_pages import PageRows, decoded, unpacked
    from refinery.kernels.native_text import correct_lines, distinct_words, text_statistics
    from refinery.kernels.native_urls import url_facts

__all__ = [
    "BULLETS",
    "CUT",
    "ELLIPSES",
    "ELSEWHERE",
    "HAS_EXTRACTOR",
    "KINDS",
    "LISTED",
    "MAIN_TEXT",
    "NOTHING",
    "NO_LANGUAGE",
    "ORIGINS",
    "SPANS",
    "UNICODE",
    "ContentHashes",
    "LineRules",
    "Listed",
    "Page",
    "PageRows",
    "Unions",
    "UrlRules",
    "Whole",
    "aligned",
    "alike",
    "at_most_twice",
    "band_keys",
    "bare",
    "byte_ranges",
    "canonical_host",
    "components",
    "contains",
    "correct_lines",
    "count_tokens",
    "dechunked",
    "decoded",
    "distinct_words",
    "domains",
    "extractor_versions",
    "flat",
    "forest_of",
    "header_label",
    "identify_languages",
    "listed",
    "main_texts",
    "mark_copies",
    "mark_repeated",
    "mix64",
    "normalise",
    "order_of",
    "original_spans",
    "parse_url",
    "recurs",
    "repeated",
    "shingles",
    "similarities",
    "sketches",
    "spanning_forest",
    "string_hashes",
    "suspects",
    "take_out",
    "text_bytes",
    "text_statistics",
    "token_ids",
    "token_lengths",
    "token_sizes",
    "undo",
    "unpacked",
    "url_facts",
    "window_hashes",
    "with_cut",
    "word_ids",
    "word_sizes",
]
