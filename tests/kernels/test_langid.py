"""Laws of language identification: labels and probabilities are fastText's, to the last bit, for any model."""

from __future__ import annotations

import gzip
import itertools
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings, strategies as st

from refinery.assets import Asset
from refinery.kernels import _native
from refinery.kernels.reference import langid as twin
from tests.kernels.fasttext_models import NEGATIVES, ONE_VS_ALL, SOFTMAX, TREE, Toy
from tests.kernels.natives import native

LID = Asset("lid.176.ftz").path()
SPACES = [" ", "\t", "\n", "\v", "\f", "\r", "\0", "\u00a0", "\u2028", "\u3000", "\x1c"]
MARKS = [
    "</s>",
    "<",
    "</",
    "/s>",
    "<s>",
    ">",
    "<</s>/s>",
    "__label__en",
    "__label__",
    "__label__x",
    "other",
    "a>",
    "<a",
]
WORDS = ["a", "the", "été", "ete\u0301", "日本", "\u0378", "\U0010ffff", "🙂", "\u0600", "the the", "a the été"]
TEXTS = st.lists(st.sampled_from([*SPACES, *MARKS, *WORDS, " ", " "]), max_size=40).map("".join)
LISTS = st.lists(TEXTS | st.text() | st.none(), max_size=4)

WIDE = st.sampled_from([1, 2, 5, 16, 19, 32, 40])


@st.composite
def toys(draw: st.DrawFn) -> Toy:
    """Models of every loss, size of n-grams and way of storing numbers."""
    labels = draw(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=3), min_size=1))
    buckets = draw(st.integers(1, 200))
    quantised = draw(st.booleans())
    pairs = st.dictionaries(st.integers(0, buckets - 1), st.integers(0, 20), max_size=60)
    return Toy(
        words=draw(st.lists(st.sampled_from(["</s>", *WORDS[:6], "__label__x", ""]), unique=True)),
        labels=[f"__label__{label}" for label in labels],
        counts=sorted(draw(st.lists(st.integers(0, 9), min_size=len(labels), max_size=len(labels))), reverse=True),
        dimensions=draw(WIDE),
        loss=draw(st.sampled_from([TREE, NEGATIVES, SOFTMAX, ONE_VS_ALL])),
        word_ngrams=draw(st.integers(0, 4)),
        buckets=buckets,
        shortest=draw(st.integers(0, 4)),
        longest=draw(st.integers(0, 6)),
        scale=draw(st.sampled_from([0.01, 1.0, 30.0])),
        width=draw(st.integers(1, 4)) if quantised else 0,
        norms=draw(st.booleans()),
        coded_output=draw(st.booleans()),
        pruned=draw(st.none() | pairs) if quantised else None,
        seed=draw(st.integers(0, 1000)),
        version=draw(st.sampled_from([11, 12])),
    )


def exact(found: tuple[pa.StringArray, pa.DoubleArray, pa.DoubleArray]) -> list[tuple[str, str, float | None]]:
    """Labels, scores and main shares, the scores to the last bit."""
    labels, scores, shares = found
    labels.validate(full=True)
    rows = zip(labels.to_pylist(), scores.to_pylist(), shares.to_pylist(), strict=True)
    return [(label, score.hex(), share) for label, score, share in rows]


def assert_parity(texts: pa.StringArray, model: str = LID, groups: twin.Groups = ()) -> None:
    assert native.model_labels(model) == twin.model_labels(model)
    for letters in (False, True):
        found = native.identify_languages(texts, model, letters=letters, groups=groups)
        assert exact(found) == exact(twin.identify_languages(texts, model, letters=letters, groups=groups))


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("models")
    return (str(folder / f"{number}.bin") for number in itertools.count())


def written(toy: Toy, paths: Any) -> str:
    path = next(paths)
    Path(path).write_bytes(bytes(toy))
    return str(path)


@given(LISTS)
@example([])
@example(["", None, " ", "\0", "\n", "</s>", "<", "</s", "a</s>b", "<</s>/s>", "x" * 5000, "été " * 5000])
@settings(max_examples=200)
def test_every_text_is_identified_as_by_the_library(texts: list[str | None]) -> None:
    """Odd Unicode, white space of both kinds, the model's own marks, empty and null texts."""
    assert_parity(pa.array(texts, pa.string()))


@given(toys(), LISTS, st.data())
@settings(max_examples=250)
def test_every_model_is_read_as_by_the_library(
    paths: Any, toy: Toy, texts: list[str | None], data: st.DataObject
) -> None:
    """Any loss, n-grams of characters and words, quantised or not, pruned or not, of either version, any groups."""
    labels = st.sampled_from([label.removeprefix("__label__") for label in toy.labels]) | st.text(max_size=2)
    groups = data.draw(st.just(()) | st.lists(st.lists(labels, max_size=4).map(tuple), max_size=3).map(tuple))
    assert_parity(pa.array([*texts, "a the été x " * 6], pa.string()), written(toy, paths), groups)


@pytest.mark.parametrize("loss", [TREE, SOFTMAX, ONE_VS_ALL])
def test_a_group_of_all_labels_is_certain(paths: Any, loss: int) -> None:
    """The probabilities of a group add up, so every line counts; the label stays the most likely one."""
    labels = tuple("abcd")
    path = written(Toy(labels=[f"__label__{label}" for label in labels], counts=[4, 3, 2, 1], loss=loss), paths)
    texts = pa.array(["a the été x " * 6 + "\n" + "x été " * 9])
    for kernel in (native, twin):
        [(alone, score, _)] = exact(kernel.identify_languages(texts, path))
        [(label, together, share)] = exact(kernel.identify_languages(texts, path, groups=(labels,)))
        assert label == alone
        assert 1 >= float.fromhex(together) >= max(0.999, float.fromhex(score))
        assert share == 1


@given(st.lists(TEXTS | st.none(), min_size=2, max_size=6), st.data())
@settings(max_examples=30)
def test_a_slice_is_identified_as_its_texts(texts: list[str | None], data: st.DataObject) -> None:
    """Where a batch begins in its buffers changes nothing."""
    assert_parity(pa.array(texts, pa.string())[data.draw(st.integers(0, len(texts))) :])


def test_real_texts_of_many_languages(corpus: Path) -> None:
    """The texts of the corpus's pages, whole and cut short."""
    with gzip.open(corpus / "pages" / "truth.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["gold_text"] or "" for line in stream]
    chosen = [text[:800] for text in texts if not text[:200].isascii()][:400] + texts[:60]
    assert_parity(pa.array(chosen, pa.string()))
    assert len({label for label, *_ in exact(native.identify_languages(pa.array(chosen), LID))}) > 10


def test_a_large_model_is_not_decoded(paths: Any) -> None:
    """The numbers are the same where the rows stay coded because they would take too much memory."""
    toy = Toy(dimensions=1024, buckets=16_400, width=1000, norms=True, longest=3)
    assert_parity(pa.array(["the été a x", "xyz</s>"]), written(toy, paths))


def test_long_text_and_many_labels(paths: Any) -> None:
    """Rows beyond one block of sums; a deep tree; n-grams of words over a long text."""
    counts = [2**exponent for exponent in range(40, 0, -1)]
    labels = [f"__label__{number}" for number in range(40)]
    toy = Toy(labels=labels, counts=counts, loss=TREE, word_ngrams=3, scale=0.1)
    assert_parity(pa.array(["a the été x </s> y " * 3000, "é" * 20_000]), written(toy, paths))
    assert_parity(pa.array(["a the été x </s> y " * 3000]), written(replace(toy, loss=SOFTMAX), paths))


def test_nothing_known_is_no_language(paths: Any) -> None:
    """A text of which the model knows no word and no n-gram has no language, in both."""
    path = written(Toy(words=["a"], longest=0), paths)
    for kernel in (native, twin):
        assert (
            exact(kernel.identify_languages(pa.array(["b c", "__label__en"]), path)) == [("none", "0x0.0p+0", None)] * 2
        )


@pytest.mark.parametrize("loss", [TREE, SOFTMAX, ONE_VS_ALL])
def test_what_is_no_number_is_an_error(paths: Any, loss: int) -> None:
    """The fault is the model's: a ValueError, in both."""
    path = written(Toy(loss=loss, scale=float("nan")), paths)
    for kernel in (native, twin):
        with pytest.raises(ValueError, match=r"(?i)nan"):
            kernel.identify_languages(pa.array(["a"]), path)


@pytest.mark.parametrize(
    "toy",
    [
        Toy(),
        Toy(loss=TREE, word_ngrams=2, dimensions=3, words=("é",)),
        Toy(dimensions=4, width=3, norms=True, coded_output=True, pruned={3: 0, 1: 2}),
    ],
)
def test_a_clipped_file_is_no_model(toy: Toy) -> None:
    """Every prefix of a model is refused, with a sentence that says why."""
    whole = bytes(toy)
    _native.LanguageModel(pa.array(np.frombuffer(whole, np.uint8)))
    for length in itertools.chain(range(min(len(whole), 1500)), range(1500, len(whole), 97), [len(whole) - 1]):
        with pytest.raises(ValueError, match="fastText model"):
            _native.LanguageModel(pa.array(np.frombuffer(whole[:length], np.uint8)))


@given(st.sampled_from([Toy(), Toy(loss=TREE), Toy(dimensions=4, width=3, norms=True, pruned={3: 0})]), st.data())
@settings(max_examples=300)
def test_a_damaged_file_is_an_error_or_a_model(toy: Toy, data: st.DataObject) -> None:
    """Changed bytes never end in anything but an answer or a ValueError."""
    damaged = bytearray(bytes(toy))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, min(len(damaged), 300) - 1))] = data.draw(st.sampled_from([0, 1, 127, 255]))
    try:
        model = _native.LanguageModel(pa.array(np.frombuffer(bytes(damaged), np.uint8)))
        labels, scores, _ = model.identify(pa.array(["a the été x", "</s>"]), "none")
    except ValueError as error:
        assert "fastText model" in str(error) or "UTF-8" in str(error)
    else:
        assert len(pa.array(labels)) == len(pa.array(scores)) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"abc", "not a fastText model"),
        (b"this is no model", "not a fastText model"),
        (bytes(Toy(version=13)), "not a fastText model"),
        (bytes(Toy(kind=2)), "no labels"),
        (bytes(Toy(loss=5)), "loss 5"),
        (bytes(Toy(labels=(), counts=())), "no labels"),
        (bytes(Toy(buckets=0)), "0 buckets"),
        (bytes(Toy(dimensions=0)), "no dimensions"),
    ],
)
def test_a_file_that_is_no_model_is_refused(paths: Any, content: bytes, reason: str) -> None:
    """The error names the file and what is wrong with it."""
    path = next(paths)
    Path(path).write_bytes(content)
    with pytest.raises(ValueError, match=f"bin: .*{reason}"):
        native.identify_languages(pa.array(["a"]), path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As with the library, that is a ValueError."""
    for kernel in (native, twin):
        for path in (tmp_path, tmp_path / "none.bin"):
            with pytest.raises(ValueError, match=str(path)):
                kernel.identify_languages(pa.array(["a"]), str(path))


def test_other_types_are_refused() -> None:
    """Texts are strings with 32-bit offsets, in UTF-8; anything else is an error, never a guess."""
    for other in (pa.array([1]), pa.array(["a"], pa.large_string()), pa.array([b"a"])):
        with pytest.raises(TypeError):
            native.identify_languages(other, LID)
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff"))
    with pytest.raises(ValueError, match="text 0"):
        native.identify_languages(broken, LID)


def test_threads_share_a_model() -> None:
    """The answers of several threads at once are those of one."""
    texts = pa.array(["the committee met", "die Ausschüsse", "été à la ville"] * 50)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(exact(native.identify_languages(texts, LID)))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == exact(native.identify_languages(texts, LID))
