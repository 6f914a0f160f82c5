"""The numeric work behind the stages: functions from Arrow and NumPy buffers to Arrow and NumPy buffers.

Kernels do not know stages or files, except for the path of a tokenizer's merge list or a model of texts. Each name is
imported from its readable twin in ``refinery.kernels.reference``, which specifies the results. Where the native
extension is built, the native kernels of the same names replace the twins: with the same results, signatures and
docstrings, but NumPy arrays that they return are read-only. They also raise ValueError for text that is not UTF-8,
TypeError for arrays of another type than Arrow's with 32-bit offsets, and OverflowError for more than 32 bits count.

``REFINERY_KERNELS`` set to ``reference`` or ``native`` forces either; see ``choice``.
"""

from __future__ import annotations

from refinery.kernels.choice import native, natives
from refinery.kernels.groups import key_groups, starts_group
from refinery.kernels.reference.addresses import canonical_host, domains, parse_url
from refinery.kernels.reference.align import Whole, aligned
from refinery.kernels.reference.benchmarks import MATCHES, NO_ROW, Benchmarks, match_scores
from refinery.kernels.reference.blocklist import BLOCKLIST, Blocklist, build_blocklist
from refinery.kernels.reference.bpe import MERGE_LIST, count_tokens, token_ids, token_lengths
from refinery.kernels.reference.charset import decoded
from refinery.kernels.reference.chunks import Chunks
from refinery.kernels.reference.content import ContentHashes
from refinery.kernels.reference.copies import copy_shares
from refinery.kernels.reference.cuts import CUT, SPANS, take_out, undo, with_cut
from refinery.kernels.reference.extract import HAS_EXTRACTOR, MAIN_TEXT, ORIGINS, extractor_versions, main_texts
from refinery.kernels.reference.features import FEATURES, text_features
from refinery.kernels.reference.labels import header_label
from refinery.kernels.reference.langid import NO_LANGUAGE, identify_languages, model_labels
from refinery.kernels.reference.linewise import KINDS, LineRules, correct_lines
from refinery.kernels.reference.marks import MARKS
from refinery.kernels.reference.minhash import band_keys, shingles, similarities, sketches, string_hashes, word_ids
from refinery.kernels.reference.mojibake import mojibake_segments
from refinery.kernels.reference.ngrams import text_ngrams
from refinery.kernels.reference.normalise import UNICODE, normalise, normalised_cuts
from refinery.kernels.reference.pages import Page, PageRows
from refinery.kernels.reference.payload import dechunked, unpacked
from refinery.kernels.reference.personal import CANDIDATES, SHAPES, personal_candidates
from refinery.kernels.reference.prose import prose_highlights, prose_statistics
from refinery.kernels.reference.ragged import flat
from refinery.kernels.reference.render import render
from refinery.kernels.reference.repeats import at_most_twice, duplicated, order_of, repeated
from refinery.kernels.reference.rights import RIGHTS_TAGS, rights_tags
from refinery.kernels.reference.scripts import main_scripts
from refinery.kernels.reference.segmenter import SEGMENTER, word_cuts, word_spans
from refinery.kernels.reference.sentences import sentence_ends
from refinery.kernels.reference.shift import LOST, joined_spans, objects, shift_marks, spared, undo_marks
from refinery.kernels.reference.similar import first_similar
from refinery.kernels.reference.text import BULLETS, ELLIPSES, bare, distinct_words, text_statistics
from refinery.kernels.reference.textmodel import POSITIVE_LABELS, Contribution, TextModel
from refinery.kernels.reference.unicode_words import WORD_BREAKS, unicode_cuts
from refinery.kernels.reference.unionfind import Unions, components, forest_of, spanning_forest
from refinery.kernels.reference.units import text_bytes, token_sizes, word_sizes
from refinery.kernels.reference.urls import NOTHING, UrlRules, url_metrics
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
    globals().update(natives(globals()))
