"""The kernels that exist twice, each with its inputs: one table for parity tests, fuzzing and benchmarks.

To add a kernel, add a row to ``CASES``. ``tests/kernels/test_parity.py`` draws from ``inputs`` with Hypothesis, and
``native/fuzz`` from the bytes of libFuzzer. ``tools/bench/kernels.py`` times ``sample``, a function of real documents.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from refinery import kernels
from refinery.assets import Asset
from refinery.kernels import LineRules, choice
from refinery.kernels.reference import minhash, units, windows
from tools import marked as marked_draws, strategies as draws
from tools.bench.documents import Documents

Arguments = Mapping[str, Any]
MERGES, MODEL = Asset("gpt2.bpe").path(), Asset("lid.176.ftz").path()
LETTERS_MODEL = Asset("languages.ftz").path()
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
COMMON = {"en": STOP_WORDS}
CLOSE = (("bs", "hr", "sr"), ("no", "da", "sv"), ("es", "en"))
SHINGLE, WINDOW, EDGES = 5, 50, 200_000


class Pair(NamedTuple):
    """A kernel and its twin."""

    native: Any
    twin: Any


def pairs() -> dict[str, Pair]:
    """Return all native kernels and their twins by name. Raises ImportError where the extension is not built."""
    return {name: Pair(native, twins()[name]) for name, native in choice.natives(twins()).items()}


def twins() -> dict[str, Any]:
    """Return the names of ``refinery.kernels`` as they are without native kernels."""
    return {name: value.__wrapped__ if replaced(value) else value for name, value in vars(kernels).items()}


def replaced(kernel: Any) -> bool:
    """Return True for a native kernel that took the place of its twin in ``refinery.kernels``."""
    return getattr(kernel, "__module__", "") == "refinery.kernels"


def called(kernel: Any, **arguments: Any) -> Any:
    """Return what a function returns."""
    return kernel(**arguments)


def hashed(kernel: Any, batches: Sequence[pa.RecordBatch]) -> Any:
    """Return the digests of record batches."""
    hashes = kernel(batches[0].schema)
    for batch in batches:
        hashes.update(batch)
    return hashes.digests()


def united(kernel: Any, documents: int, edges: Any) -> Any:
    """Return the clusters and their sizes."""
    unions = kernel(documents)
    unions.mark(edges.ravel())
    unions.join(*edges)
    return [*unions.clusters(0, documents), unions.sizes(edges[0])]


def tokenized(kernel: Any, batches: Sequence[pa.StringArray]) -> Any:
    """Return the cuts of batches by a tokenizer that begins a token at full stops and apostrophes, and its chunks."""
    chunks, found = kernel(), []
    for texts in batches:
        _, unknown = chunks.cuts(texts)
        found.append(unknown)
        starts = [at for at, mark in enumerate("\n".join(unknown)) if mark in ".'’\n"]
        chunks.learn(unknown, np.array(starts, np.uint64))
        found += chunks.cuts(texts)
    return found


def scored(kernel: Any, path: str, texts: pa.StringArray) -> Any:
    """Return the labels of a model, and the probabilities of all and of some of them."""
    model = kernel(path)
    return [model.labels, model.positive, model.scores(texts), model.scores(texts, [1, 0, 1])]


def matched(kernel: Any, items: Sequence[tuple[str, int, int]], texts: pa.StringArray, common: Sequence[str]) -> Any:
    """Return the items in texts."""
    some = sorted(items, key=lambda item: item[2])
    kinds, groups = (np.array([item[field] for item in some], kind) for field, kind in ((1, np.uint8), (2, np.uint32)))
    return kernel(pa.array([item[0] for item in some], pa.string()), kinds, groups, common).matches(texts)


@dataclass(frozen=True)
class Case:
    """The inputs of one kernel, as keyword arguments of ``call`` after the kernel."""

    inputs: st.SearchStrategy[Arguments]
    sample: Callable[[Documents], Arguments] | None = None
    call: Callable[..., Any] = called


def arguments(**each: st.SearchStrategy[Any]) -> st.SearchStrategy[Arguments]:
    """Independent arguments."""
    return st.fixed_dictionaries(each)


def texts(documents: Documents) -> Arguments:
    """All documents."""
    return {"texts": documents.array}


def words(documents: Documents) -> pa.ListArray:
    """The words of many documents."""
    return minhash.word_ids(documents.bulk.array)


def window_sample(documents: Documents) -> dict[str, Any]:
    """Tokens, and the windows that they repeat."""
    tokens = words(documents)
    distinct, counts = np.unique(windows.window_hashes(tokens, WINDOW).flatten().to_numpy(), return_counts=True)
    return {"tokens": tokens, "repeated": distinct[counts > 1], "size": WINDOW}


def edge_sample(_: Documents) -> dict[str, Any]:
    """A sparse random graph, the same on every machine."""
    chance = np.random.default_rng(3)
    return {side: chance.integers(0, EDGES, EDGES, np.uint64) for side in "ab"}


def numbers(documents: Documents) -> Any:
    """The hashes of all windows of many documents."""
    return windows.window_hashes(words(documents), WINDOW).flatten().to_numpy()


def line_rules() -> LineRules:
    """Return the rules of the stage ``lines`` without a recipe."""
    from refinery.stages._phrases import phrases_of
    from refinery.stages.lines import Lines

    stage, phrases = Lines(), phrases_of("en").model_dump()
    return LineRules(**phrases, max_uppercase=stage.max_uppercase, short_line=stage.short_line)


@st.composite
def marked(draw: st.DrawFn, *, copies: bool = False) -> Arguments:
    """Tokens with windows of which some are marked as repeated, and for ``copies`` the documents that keep them."""
    tokens, others, size = draw(draws.lists()), draw(draws.uint64s), draw(st.integers(1, 9))
    hashes = windows.window_hashes(tokens, size).flatten().to_numpy()[:: draw(st.integers(1, 4))]
    repeated = np.unique(np.concatenate([others, hashes]))[: draw(st.integers(0, 500))]
    found = {"tokens": tokens, "repeated": repeated, "size": size}
    if not copies:
        return found
    keepers = (repeated % np.uint64(7)).astype(np.uint32)
    keepers[::5] = windows.ELSEWHERE
    return {**found, "keepers": keepers, "row": draw(st.integers(0, 3))}


@st.composite
def runs(draw: st.DrawFn) -> Arguments:
    """Runs of tokens that are arbitrary pieces of bytes, and the sizes of these."""
    sizes = draw(draws.lists(pa.uint8(), pa.uint16(), pa.uint32()))
    return {"runs": draw(draws.ranges_in([len(row) for row in sizes.to_pylist()])), "sizes": sizes}


@st.composite
def ranges(draw: st.DrawFn, *, whole: bool = False) -> Arguments:
    """Texts with ranges of bytes, which for ``whole`` cut no character in two."""
    some = draw(draws.string_arrays(st.text(draws.COMBINED, max_size=20)))
    found = draw(draws.ranges_in([len((text or "").encode()) for text in some.to_pylist()]))
    if not whole:
        return {"texts": some, "ranges": found, "normalised": draw(st.booleans())}
    return {"texts": some, "ranges": windows.original_spans(some, found, normalised=False)}


@st.composite
def among(draw: st.DrawFn) -> Arguments:
    """Sorted numbers, and some that may be among them."""
    values = draw(draws.uint64s)
    return {"among": np.sort(np.concatenate([draw(draws.uint64s), values[::2]])), "values": values}


ODD_CHARACTERS = st.text(draws.COMBINED, max_size=40)
ODD_TEXTS = draws.string_arrays(ODD_CHARACTERS)
SYMBOLS = st.sampled_from([None, bytes(code < 64 for code in range(sys.maxunicode + 1))])
FEATURE_TEXTS = draws.string_arrays(draws.STATISTICS_TEXTS | draws.joined(draws.MISREAD, 12))
TOKEN_TEXTS = arguments(texts=draws.string_arrays(st.text(draws.TOKENS, max_size=60)), merges=st.just(MERGES))
SHINGLES = draws.lists(pa.uint32())
SEEDS = st.integers(0, 3)
GRAPHS = draws.edges.map(lambda ends: {"a": ends[0], "b": ends[1]})

ITEM_WORDS = (
    *("a", "b", "c", "d", "the", "one", "two", "hundred", "and", "twenty", "thousand", "million", "5", "12", "1,000"),
    *(
        "1.5",
        ",",
        "٥",
        "๔",
        "x2",
        "don't",
        "É",
        "\u0301",
        "\u2019",
        "ß",
        "〇",
        "三",
        "十",
        "百",
        "万",
        "ไ",
        "ท",
        "ย",
        "カ",
        "タ",
    ),
)
ITEM_TEXTS = st.lists(st.tuples(st.sampled_from(ITEM_WORDS), st.sampled_from(["", " ", " ", "\n"])), max_size=20).map(
    lambda pairs: "".join(word + space for word, space in pairs)
)

CASES: dict[str, Case] = {
    "word_cuts": Case(arguments(texts=draws.string_arrays(draws.SPACELESS_TEXTS)), texts),
    "text_statistics": Case(draws.divided_texts(draws.STATISTICS_TEXTS, symbols=SYMBOLS), texts),
    "copy_shares": Case(draws.divided_texts(draws.STATISTICS_TEXTS), texts),
    "unicode_cuts": Case(
        arguments(texts=draws.string_arrays(st.text(draws.BOUNDARIES + " \n\u3000", max_size=60))), texts
    ),
    "Chunks": Case(
        arguments(batches=st.lists(draws.string_arrays(draws.joined(draws.CHUNKS, 20)), max_size=3)),
        lambda given: {"batches": [given.array]},
        tokenized,
    ),
    "text_features": Case(arguments(texts=FEATURE_TEXTS), texts),
    "text_ngrams": Case(
        arguments(texts=FEATURE_TEXTS, bits=st.integers(1, 24)), lambda given: {"texts": given.array, "bits": 18}
    ),
    "distinct_words": Case(
        draws.divided_texts(
            draws.CASED_WORDS,
            words=st.lists(draws.CASED_WORDS | st.sampled_from(["the", "", "ΣΑΣ", "日", "ま"]), max_size=6),
            spelled=st.booleans(),
        ),
        lambda given: {"texts": given.array, "words": STOP_WORDS},
    ),
    "prose_statistics": Case(
        draws.prose(),
        lambda given: {"texts": given.array, "languages": pa.array(["en"] * len(given.array)), "common": COMMON},
    ),
    "sentence_ends": Case(
        draws.divided_texts(
            draws.joined(draws.SENTENCES, 40), ends=st.just(".!?。"), tokens=st.booleans(), lines=st.booleans()
        ),
        lambda given: {"texts": given.array, "ends": ".!?"},
    ),
    "correct_lines": Case(draws.protected_texts(), lambda given: {"texts": given.array, "rules": line_rules()}),
    "render": Case(
        st.tuples(marked_draws.marked_texts(), st.sampled_from(["plain", "markdown", "html"])).map(
            lambda drawn: {**drawn[0], "form": drawn[1]}
        ),
        lambda given: {
            "texts": given.array,
            "structure": pa.nulls(len(given.array), kernels.MARKS),
            "form": "markdown",
        },
    ),
    "shift_marks": Case(
        marked_draws.cut_texts().map(lambda drawn: {name: drawn[name] for name in ("structure", "cuts")})
    ),
    "objects": Case(marked_draws.marked_texts().map(lambda drawn: {"structure": drawn["structure"]})),
    "spared": Case(
        st.integers(0, 3).flatmap(
            lambda rows: st.fixed_dictionaries({name: draws.ranges_in([40] * rows) for name in ("ranges", "kept")})
        )
    ),
    "rights_tags": Case(arguments(pages=draws.string_arrays(draws.joined(draws.RIGHTS, 60)))),
    "mojibake_segments": Case(arguments(texts=draws.string_arrays(draws.joined(draws.MISREAD, 12))), texts),
    "personal_candidates": Case(arguments(texts=draws.string_arrays(draws.joined(draws.PERSONAL, 30))), texts),
    "identify_languages": Case(
        arguments(
            texts=draws.string_arrays(),
            model=st.just(MODEL),
            letters=st.booleans(),
            groups=st.sampled_from([(), CLOSE]),
        ),
        lambda given: {"texts": given.array, "model": MODEL},
    ),
    "main_scripts": Case(arguments(texts=draws.string_arrays()), texts),
    "TextModel": Case(
        arguments(texts=draws.string_arrays(), path=st.sampled_from([MODEL, LETTERS_MODEL])),
        lambda given: {"texts": given.array, "path": MODEL},
        scored,
    ),
    "model_labels": Case(arguments(model=st.just(MODEL))),
    "token_ids": Case(TOKEN_TEXTS, lambda given: {"texts": given.array, "merges": MERGES}),
    "count_tokens": Case(TOKEN_TEXTS, lambda given: {"texts": given.array, "merges": MERGES}),
    "url_metrics": Case(
        arguments(
            urls=st.lists(draws.URLS | st.none(), max_size=5).map(lambda urls: pa.array(urls, pa.string())),
            rules=st.sampled_from([draws.URL_RULES, draws.NO_URL_RULES]),
        ),
    ),
    "decoded": Case(
        arguments(
            data=draws.PAGES | draws.META_PAGES | st.binary(),
            header=st.sampled_from(draws.LABELS) | st.text(max_size=12),
        )
    ),
    "unpacked": Case(draws.bodies() | draws.streams()),
    "ContentHashes": Case(arguments(batches=draws.batches()), call=hashed),
    "normalise": Case(arguments(texts=ODD_TEXTS), texts),
    "string_hashes": Case(arguments(texts=ODD_TEXTS), texts),
    "word_ids": Case(draws.divided_texts(ODD_CHARACTERS), texts),
    "word_sizes": Case(draws.divided_texts(ODD_CHARACTERS), texts),
    "normalised_cuts": Case(draws.divided_texts(ODD_CHARACTERS).filter(lambda given: given["cuts"] is not None)),
    "shingles": Case(
        arguments(tokens=draws.lists(), size=draws.SIZES), lambda given: {"tokens": words(given), "size": SHINGLE}
    ),
    "band_keys": Case(
        arguments(sets=SHINGLES, bands=st.integers(1, 12), rows=st.integers(1, 21), seed=SEEDS),
        lambda given: {
            "sets": minhash.shingles(minhash.word_ids(given.array), SHINGLE),
            "bands": 14,
            "rows": 8,
            "seed": 1,
        },
    ),
    "sketches": Case(
        arguments(sets=SHINGLES, size=st.integers(1, 70), seed=SEEDS),
        lambda given: {"sets": minhash.shingles(minhash.word_ids(given.array), SHINGLE), "size": 64, "seed": 1},
    ),
    "first_similar": Case(draws.members()),
    "window_hashes": Case(
        arguments(tokens=draws.lists(), size=draws.SIZES), lambda given: {"tokens": words(given), "size": WINDOW}
    ),
    "mix64": Case(arguments(values=draws.uint64s), lambda given: {"values": numbers(given)}),
    "contains": Case(among(), lambda given: {"among": np.unique(numbers(given))[::7], "values": numbers(given)}),
    "mark_repeated": Case(marked(), window_sample),
    "mark_copies": Case(marked(copies=True)),
    "byte_ranges": Case(
        runs(),
        lambda given: {
            "runs": windows.mark_repeated(**window_sample(given)),
            "sizes": units.word_sizes(given.bulk.array),
        },
    ),
    "original_spans": Case(ranges()),
    "take_out": Case(ranges(whole=True)),
    "order_of": Case(arguments(values=draws.near_or_far), lambda given: {"values": numbers(given)}),
    "at_most_twice": Case(arguments(lists=draws.runs_of_numbers), lambda given: {"lists": [numbers(given)]}),
    "repeated": Case(arguments(values=draws.near_or_far), lambda given: {"values": numbers(given)}),
    "duplicated": Case(
        arguments(lists=draws.runs_of_numbers),
        lambda given: {"lists": [np.sort(run) for run in np.array_split(numbers(given), 9)]},
    ),
    "components": Case(GRAPHS, edge_sample),
    "spanning_forest": Case(GRAPHS, edge_sample),
    "forest_of": Case(
        arguments(
            edges=st.lists(draws.edges, max_size=4).map(lambda some: [tuple(each) for each in some]),
            limit=st.integers(1, 9),
        ),
        lambda given: {"edges": [tuple(edge_sample(given).values())]},
    ),
    "Unions": Case(
        arguments(
            documents=st.just(21),
            edges=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20))).map(
                lambda some: np.array(some, np.uint64).reshape(-1, 2).T.copy()
            ),
        ),
        call=united,
    ),
    "Benchmarks": Case(
        arguments(
            items=st.lists(st.tuples(ITEM_TEXTS, st.integers(0, 2), st.integers(0, 5)), max_size=8),
            texts=st.lists(st.one_of(st.none(), ITEM_TEXTS), max_size=4).map(lambda some: pa.array(some, pa.string())),
            common=st.sampled_from([(), ("the", "a b", "one")]),
        ),
        lambda documents: {
            "items": [(text[:200], 0, group) for group, text in enumerate(documents.array[:100].to_pylist())],
            "texts": documents.array,
            "common": ("the", "of"),
        },
        call=matched,
    ),
}
"""Each kernel by name. ``WITHOUT`` names those that have no row."""

WITHOUT = {
    "PageRows": "the source stage drives it: tests/stages/warc/test_runs.py, and archives in native/fuzz",
    "main_texts": "the extractor has no twin: it has laws, in tests/kernels and native/fuzz",
    "extractor_versions": "the extractor has no twin",
}
"""Native names without a case, and why."""


def check(name: str, pair: Pair, given: Arguments) -> None:
    """Raise AssertionError where a kernel and its twin return different results."""
    case = CASES[name]
    same(case.call(pair.native, **given), case.call(pair.twin, **given))


def same(found: Any, expected: Any) -> None:
    """Raise AssertionError where two results differ, in type, in value or in order, or an Arrow array is malformed."""
    if isinstance(found, Mapping):
        assert found.keys() == expected.keys()
        same([found[key] for key in expected], list(expected.values()))
    elif isinstance(found, (tuple, list)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(found, (pa.Array, pa.RecordBatch, pa.Table)):
        found.validate(full=True)
        kind = "type" if isinstance(found, pa.Array) else "schema"
        assert getattr(found, kind) == getattr(expected, kind)
        assert bits(found) == bits(expected), f"{found} is not {expected}"
    elif isinstance(found, np.ndarray):
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()
    else:
        assert found == expected, f"{found} is not {expected}"


def bits(found: pa.Array | pa.RecordBatch | pa.Table) -> Any:
    """Return the values, floating-point numbers to the last bit."""
    columns = [found] if isinstance(found, pa.Array) else found.columns
    return [[value.hex() if isinstance(value, float) else value for value in each.to_pylist()] for each in columns]
