"""Laws of classifiers: probabilities are fastText's, to the last bit, for any model; contributions add up to the odds."""

from __future__ import annotations

import itertools
import math
import resource
import struct
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings

from tests.kernels.fasttext_models import NEGATIVES, ONE_VS_ALL, SOFTMAX, TREE, Toy
from tests.kernels.natives import native, twin
from tests.kernels.test_langid import LISTS, toys

LOSSES = [TREE, NEGATIVES, SOFTMAX, ONE_VS_ALL]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("models")
    return (str(folder / f"{number}.bin") for number in itertools.count())


def written(content: Toy | bytes, paths: Any) -> str:
    path = next(paths)
    Path(path).write_bytes(bytes(content))
    return str(path)


def bits(scores: Any) -> list[list[int]]:
    return [list(map(int, row)) for row in np.ascontiguousarray(scores).view(np.uint32)]


@given(toys().filter(lambda toy: len(set(toy.labels)) == len(toy.labels)), LISTS)
@example(Toy(), [])
@example(Toy(), ["", None, " ", "\0", "\n", "</s>", "a</s>b", "a </s> the", "<</s>/s>", "x" * 9000, "été " * 5000])
@example(Toy(loss=TREE, labels=("__label__a",), counts=(1,)), ["a"])
@settings(max_examples=200)
def test_probabilities_are_those_of_the_library(paths: Any, toy: Toy, texts: list[str | None]) -> None:
    """Any loss, n-grams, storage and label; odd texts; all labels, and some."""
    path = written(toy, paths)
    own, other = native.TextModel(path), twin.TextModel(path)
    array = pa.array([*texts, "a the été x " * 6, "a </s> b"], pa.string())
    assert own.labels == other.labels
    found = own.scores(array)
    assert bits(found) == bits(other.scores(array))
    assert bits(found[:, ::-1]) == bits(own.scores(array, range(len(own.labels))[::-1]))


@given(toys().filter(lambda toy: toy.scale < 30), LISTS)
@settings(max_examples=60)
def test_contributions_are_those_of_the_twin(paths: Any, toy: Toy, texts: list[str | None]) -> None:
    """Both kernels return the same features and counts, and weights that differ by rounding only."""
    path = written(toy, paths)
    own, other = native.TextModel(path), twin.TextModel(path)
    for text in [*texts, "a the été x été a"]:
        label = len(text or "") % len(own.labels)
        one, two = ({c.feature: c for c in model.contributions(text or "", label, 10**6)} for model in (own, other))
        assert one.keys() == two.keys()
        for name, found in one.items():
            assert found.occurrences == two[name].occurrences
            assert found.weight == pytest.approx(two[name].weight, rel=1e-3, abs=1e-4 * toy.scale)
        ordered = own.contributions(text or "", label, 3)
        assert ordered == own.contributions(text or "", label, 10**6)[:3]
        assert [abs(c.weight) for c in ordered] == sorted((abs(c.weight) for c in ordered), reverse=True)


@pytest.mark.parametrize("loss", [SOFTMAX, ONE_VS_ALL, TREE])
@pytest.mark.parametrize("width", [0, 3])
def test_contributions_add_up_to_the_log_odds(paths: Any, loss: int, width: int) -> None:
    """With two labels, or independent ones, all features together are the odds that the probability states."""
    toy = Toy(loss=loss, labels=("__label__a", "__label__b"), counts=(2, 1), word_ngrams=3, scale=0.5, width=width)
    for model in (native.TextModel(written(toy, paths)), twin.TextModel(written(toy, paths))):
        text = "a the été x a\nthe unheard "
        probability = float(model.scores(pa.array([text]), [1])[0, 0])
        odds = math.log(probability / (1 - probability))
        found = model.contributions(text, 1, 1000)
        assert sum(one.weight for one in found) == pytest.approx(odds, abs=0.02)
        assert {"a", "été x a", "</s>"} <= {one.feature for one in found}
        assert next(one.occurrences for one in found if one.feature == "a") == 2


def test_a_long_text_is_scored_as_by_the_library(paths: Any) -> None:
    """Rows beyond one block of sums, words beyond what is read at once, n-grams of words over all."""
    texts = pa.array(["a the été x y " * 3000, "é" * 20_000, "a " + "b" * 9000 + " the"])
    for loss in LOSSES:
        path = written(Toy(loss=loss, word_ngrams=3, shortest=1, scale=0.1, dimensions=21), paths)
        assert bits(native.TextModel(path).scores(texts)) == bits(twin.TextModel(path).scores(texts))


def test_the_line_ends_at_its_mark(paths: Any) -> None:
    """As for the library, the word ``</s>`` ends a text, and a newline does not."""
    for model in (kind.TextModel(written(Toy(word_ngrams=2), paths)) for kind in (native, twin)):
        found = bits(model.scores(pa.array(["a the </s> été", "a the", "a\nthe", "a the</s>"])))
        assert found[0] == found[1] == found[2] != found[3]


def test_a_text_without_anything_known_has_no_label(paths: Any) -> None:
    """All probabilities are 0, where fastText returns nothing; nothing contributes."""
    for model in (kind.TextModel(written(Toy(words=["a"], longest=0), paths)) for kind in (native, twin)):
        assert not model.scores(pa.array(["b c", "", None])).any()
        assert model.contributions("b c", 0, 5) == []


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_no_number_is_an_error(paths: Any, loss: int) -> None:
    """The fault is the model's: a ValueError, in both."""
    path = written(Toy(loss=loss, scale=float("nan")), paths)
    for kind in (native, twin):
        with pytest.raises(ValueError, match=r"(?i)nan"):
            kind.TextModel(path).scores(pa.array(["a"]))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither"),
        (b"abc", "neither"),
        (b"PK\x03\x04 a pickle in a zip", "neither"),
        (bytes(Toy())[:700], "damaged|ends"),
        (bytes(Toy(kind=2)), "no labels"),
        (bytes(Toy(longest=65)), "65 characters"),
        (bytes(Toy(word_ngrams=65)), "65 words"),
        (bytes(replace(Toy(width=4, pruned={3: 0}), buckets=2**31 - 1)), "2147483647 buckets"),
    ],
)
def test_a_file_that_is_no_model_is_refused(paths: Any, content: bytes, reason: str) -> None:
    """The error names the file and what is wrong with it."""
    path = written(content, paths)
    with pytest.raises(ValueError, match=f"{path}: .*({reason})"):
        native.TextModel(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Of a folder and of a missing file, too, the error names the path."""
    for kind in (native, twin):
        for path in (tmp_path, tmp_path / "none.bin"):
            with pytest.raises(ValueError, match=str(path)):
                kind.TextModel(str(path))


def colliding(count: int) -> list[str]:
    """Words with one hash: chains of pieces, each of which may be exchanged for another that hashes the same."""
    chance = np.random.default_rng(0)
    state, pairs = 2_166_136_261, []
    while 2 ** len(pairs) < count:
        pieces = chance.integers(97, 123, (300_000, 12), np.uint32)
        states = np.full(len(pieces), state, np.uint32)
        for column in pieces.T:
            states = (states ^ column) * np.uint32(16_777_619)
        order = np.argsort(states, kind="stable")
        equal = order[np.flatnonzero(np.diff(states[order]) == 0)[0] :][:2]
        state = int(states[equal[0]])
        pairs.append([bytes(pieces[row].astype(np.uint8)).decode() for row in equal])
    return ["".join(chosen) for chosen in itertools.islice(itertools.product(*pairs), count)]


def test_words_that_collide_are_refused(paths: Any) -> None:
    """A file whose words all have one hash would take quadratic time."""
    words = colliding(600)
    assert len(set(words)) == 600
    with pytest.raises(ValueError, match="same hash"):
        native.TextModel(written(Toy(words=words), paths))


def test_wrong_counts_cost_no_memory(paths: Any) -> None:
    """Whatever number of 32 or 64 bits stands at any place of the head, reading takes megabytes at most."""
    whole = bytes(Toy(width=4, norms=True, pruned={3: 0, 7: 1}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for place in range(4, min(len(whole), 400), 4):
        for number in (2**31 - 1, 2**28, -1):
            path = written(whole[:place] + struct.pack("<i", number) + whole[place + 4 :], paths)
            try:
                native.TextModel(path).scores(pa.array(["a the été x"]))
            except ValueError:
                continue
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_threads_share_a_model(paths: Any) -> None:
    """The answers of several threads at once are those of one."""
    model = native.TextModel(written(Toy(word_ngrams=2), paths))
    texts = pa.array(["a the", "été a", "x y z the"] * 300)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(bits(model.scores(texts)))) for _ in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [bits(model.scores(texts))] * 3


def test_other_types_are_refused(paths: Any) -> None:
    """Texts are strings with 32-bit offsets, and labels are those of the model."""
    model = native.TextModel(written(Toy(), paths))
    for other in (pa.array([1]), pa.array(["a"], pa.large_string()), pa.array([b"a"])):
        with pytest.raises(TypeError):
            model.scores(other)
    with pytest.raises(ValueError, match="label 3 of 3"):
        model.scores(pa.array(["a"]), [3])
