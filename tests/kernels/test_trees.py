"""Laws of classifiers by trees: native and twin have the same numbers; a damaged file is an error, never a crash."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels.reference.features import FEATURES
from refinery.kernels.reference.trees import LEAVES, LINEAR, TreeArrays, probability, write_model
from tests.kernels.natives import native, twin
from tools.parity import FEATURE_TEXTS

LABELS = ("good", "junk")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("models")
    return (str(folder / f"{number}.safetensors") for number in itertools.count())


def random_model(seed: int, trees: int = 9, bits: int = 6) -> TreeArrays:
    """A model of trees that are grown at random places, with thresholds near values that texts have."""
    chance = np.random.default_rng(seed)
    numbers: list[float] = []
    features: list[int] = []
    left: list[int] = []
    sizes = []
    for _ in range(trees):
        leaves = int(chance.integers(1, LEAVES + 1))
        nodes: list[tuple[float, int, int]] = [(float(chance.normal()), 0, 0)]
        growing = [0]
        while len(nodes) < 2 * leaves - 1:
            at = growing.pop(int(chance.integers(len(growing))))
            feature = int(chance.integers(len(FEATURES) + 1))
            threshold = float(chance.choice([0.0, 0.1, 0.5, 0.9, 1.0, 3.0, 20.0]))
            growing += [len(nodes), len(nodes) + 1]
            nodes[at] = (threshold, feature, len(nodes))
            nodes += [(float(chance.normal()), 0, 0)] * 2
        sizes.append(len(nodes))
        for number, feature, child in nodes:
            numbers.append(number)
            features.append(feature)
            left.append(child)
    return TreeArrays(
        weights=chance.normal(size=1 << bits).astype(np.float32),
        bias=np.array([0.25], np.float32),
        sizes=np.array(sizes, np.uint32),
        numbers=np.array(numbers, np.float32),
        features=np.array(features, np.uint16),
        left=np.array(left, np.uint16),
        values=np.array(numbers, np.float32),
    )


def written(data: bytes, paths: Any) -> str:
    path = next(paths)
    Path(path).write_bytes(data)
    return str(path)


@given(seed=st.integers(0, 10**6), texts=FEATURE_TEXTS)
@settings(max_examples=100)
def test_scores_are_those_of_the_twin(paths: Any, seed: int, texts: pa.StringArray) -> None:
    """Any trees, odd texts, to the last bit; both labels add up to 1."""
    path = written(write_model(LABELS, random_model(seed)), paths)
    own, other = native.TextModel(path), twin.TextModel(path)
    assert own.labels == other.labels == LABELS
    assert own.positive == "good"
    found = own.scores(texts)
    assert found.shape == (len(texts), 2)
    assert np.array_equal(found.view(np.uint32), other.scores(texts).view(np.uint32))
    assert np.allclose(found.sum(axis=1), 1, atol=1e-6)
    for text in texts.to_pylist()[:2]:
        assert own.contributions(text or "", 1, 9) == other.contributions(text or "", 1, 9)


def test_a_score_is_the_sum_of_the_leaves(paths: Any) -> None:
    """By a walk through each tree that shares no code with the model's."""
    arrays = random_model(3)
    text = "A few words, and\nsome more of them.\n" * 3
    model = native.TextModel(written(write_model(LABELS, arrays), paths))
    values = twin.text_features(pa.array([text]))[0].tolist()
    ngrams = dict.fromkeys(range(64), 0)
    _, buckets, counts = twin.text_ngrams(pa.array([text]), 6)
    ngrams |= dict(zip(buckets.tolist(), counts.tolist(), strict=True))
    shares = np.sqrt(np.array(list(ngrams.values())) / sum(ngrams.values()))
    values.append(float(arrays.bias[0] + arrays.weights.astype(np.float64) @ shares))
    total, first = 0.0, 0
    for size in arrays.sizes.tolist():
        at = first
        while arrays.left[at]:
            at = first + int(arrays.left[at]) + int(values[arrays.features[at]] > arrays.numbers[at])
        total += float(arrays.numbers[at])
        first += size
    assert model.scores(pa.array([text]))[0, 0] == pytest.approx(1 / (1 + np.exp(-total)), rel=1e-5)


def test_contributions_name_features_and_words(paths: Any) -> None:
    """One tree that splits by the n-grams: the words of the text share what it adds."""
    arrays = random_model(0, trees=1)._replace(
        sizes=np.array([3], np.uint32),
        numbers=np.array([0.0, -1.0, 1.0], np.float32),
        features=np.array([len(FEATURES), 0, 0], np.uint16),
        left=np.array([1, 0, 0], np.uint16),
        values=np.array([0.5, -1.0, 1.0], np.float32),
        weights=np.ones(64, np.float32),
    )
    model = native.TextModel(written(write_model(LABELS, arrays), paths))
    found = {one.feature: one for one in model.contributions("Red fox, red fox", 0, 99)}
    assert found.keys() == {"red", "fox", "red fox", "fox red"}
    assert sum(one.weight for one in found.values()) == pytest.approx(0.5)
    assert {one.weight < 0 for one in model.contributions("Red fox", 1, 99)} == {True}


def test_probabilities_are_those_of_the_exponential_function() -> None:
    """From far below 0 to far above it."""
    for odds in [0.0, -1e9, 1e9, *np.linspace(-40, 40, 999).tolist()]:
        assert probability(odds) == pytest.approx(1 / (1 + np.exp(-min(max(odds, -700), 700))), rel=1e-13)


@given(at=st.floats(0, 1), junk=st.binary(max_size=9), cut=st.booleans())
@settings(max_examples=200)
def test_a_damaged_file_is_an_error_or_a_model(paths: Any, at: float, junk: bytes, cut: bool) -> None:
    """Bytes that are gone or others anywhere: ValueError that begins with the path, or scores from 0 to 1."""
    whole = write_model(LABELS, random_model(1, trees=3))
    place = int(at * len(whole))
    path = written(whole[:place] + junk + (b"" if cut else whole[place + len(junk) :]), paths)
    for kernels in (native, twin):
        try:
            found = kernels.TextModel(path).scores(pa.array(["some words here"]))
        except ValueError as error:
            assert str(error).startswith(path)
        else:
            assert ((found >= 0) & (found <= 1)).all()


CHANGES: dict[str, Any] = {
    "another format": lambda header: header["__metadata__"].update(format="pt"),
    "other features": lambda header: header["__metadata__"].update(features="1 words"),
    "one label": lambda header: header["__metadata__"].update(labels='["good"]'),
    "labels are no list": lambda header: header["__metadata__"].update(labels="[" * 5000),
    "metadata are numbers": lambda header: header["__metadata__"].update(format=1),
    "no metadata": lambda header: header.pop("__metadata__"),
    "no weights": lambda header: header.pop("weights"),
    "another type": lambda header: header["left"].update(dtype="F64"),
    "a place beyond the file": lambda header: header["left"].update(data_offsets=[0, 2**62]),
    "a place below 0": lambda header: header["bias"].update(data_offsets=[-4, 0]),
    "a shape that overflows": lambda header: header["weights"].update(shape=[2**40, 2**40]),
    "a shape of floats": lambda header: header["bias"].update(shape=[1.0]),
    "three weights": lambda header: header["weights"].update(shape=[3], data_offsets=[0, 12]),
    "arrays are a list": lambda header: header.update(bias=[]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_header_that_is_wrong_is_an_error(paths: Any, change: str) -> None:
    """Each part of the header is checked before anything is used."""
    whole = write_model(LABELS, random_model(1, trees=2))
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    CHANGES[change](header)
    text = json.dumps(header).encode()
    path = written(struct.pack("<Q", len(text)) + text + whole[8 + length :], paths)
    for kernels in (native, twin):
        with pytest.raises(ValueError, match=r"safetensors|model|trained for other"):
            kernels.TextModel(path)


WRONG = {
    "a cycle": {"left": [1, 0, 1]},
    "a child beyond the tree": {"left": [2, 0, 0]},
    "a child of two": {"sizes": [5], "left": [1, 3, 3, 0, 0], "numbers": [0.0] * 5, "features": [0] * 5},
    "a feature beyond all": {"features": [len(FEATURES) + 1, 0, 0]},
    "no number": {"numbers": [float("nan"), 0.0, 0.0]},
    "a number too large": {"numbers": [1e30, 0.0, 0.0]},
    "fewer nodes": {"sizes": [4]},
    "an empty tree": {"sizes": [3, 0]},
}


@pytest.mark.parametrize("change", WRONG)
def test_what_is_no_tree_is_an_error(paths: Any, change: str) -> None:
    """Children come after their parents, each once, and everything is a number."""
    sound: dict[str, list[Any]] = {"sizes": [3], "left": [1, 0, 0], "numbers": [0.0] * 3, "features": [0] * 3}
    found = {**sound, **WRONG[change]}
    arrays = random_model(1)._replace(
        sizes=np.array(found["sizes"], np.uint32),
        left=np.array(found["left"], np.uint16),
        numbers=np.array(found["numbers"], np.float32),
        features=np.array(found["features"], np.uint16),
        values=np.zeros(len(found["left"]), np.float32),
    )
    path = written(write_model(LABELS, arrays), paths)
    for kernels in (native, twin):
        with pytest.raises(ValueError, match="damaged model"):
            kernels.TextModel(path)


def test_a_file_is_the_same_for_the_same_arrays() -> None:
    """The bytes are a function of the arrays, aligned, and other programs can name what is in them."""
    first, second = (write_model(LABELS, random_model(5)) for _ in range(2))
    assert first == second
    (length,) = struct.unpack("<Q", first[:8])
    header = json.loads(first[8 : 8 + length])
    assert length % 8 == 0
    assert header["__metadata__"]["features"].endswith(f" {LINEAR}")
    assert header["weights"] == {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]}
