"""The stage ``score``: it returns fastText's probabilities, finds the positive label, and refuses wrong models."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pytest

from refinery import Asset, AssetError
from refinery.cli import execute
from refinery.stages.score import Score
from tests.kernels.fasttext_models import SOFTMAX, TREE, Toy
from tests.stages.verdicts import docs, failed, metrics

GOOD = ("__label__hq", "__label__cc")


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., str]:
    """Write a small model, and return its path."""

    def write(name: str = "toy.bin", **settings: Any) -> str:
        toy = Toy(**{"labels": GOOD, "counts": (2, 1), **settings})
        (tmp_path / name).write_bytes(bytes(toy))
        return str(tmp_path / name)

    return write


def by_fasttext(path: str, text: str) -> dict[str, float]:
    labels, scores = fasttext.load_model(path).predict(text.replace("\n", " "), k=-1)
    return {label.removeprefix("__label__"): score for label, score in zip(labels, scores, strict=True)}


@pytest.mark.parametrize("settings", [{}, {"loss": TREE}, {"width": 4, "norms": True, "word_ngrams": 3}])
def test_the_score_is_fasttexts_own(model: Callable[..., str], settings: dict[str, Any]) -> None:
    """Bit for bit, of any loss and storage, with the probabilities of all labels beside it."""
    path = model(**settings)
    for text in ("a the été\nx a", "", "the </s> a", "été " * 3000):
        found, expected = metrics(Score(model=Asset(path)), text), by_fasttext(path, text)
        assert found["score"].hex() == float(np.float32(expected["hq"])).hex()
        assert {one["label"]: one["probability"] for one in found["labels"]} == expected


def test_several_labels_add_up(model: Callable[..., str]) -> None:
    """A scale of labels, such as grades, is divided by a list of those that are wanted."""
    path = model(labels=[f"__label__{grade}" for grade in range(6)], counts=[6, 5, 4, 3, 2, 1], loss=SOFTMAX)
    each = [metrics(Score(model=Asset(path), label=(str(grade),)), "a x")["score"] for grade in range(6)]
    together = metrics(Score(model=Asset(path), label=("3", "__label__4", "5")), "a x")["score"]
    assert together == each[3] + each[4] + each[5]


def test_many_labels_are_not_stored(model: Callable[..., str]) -> None:
    """Of a model with many labels, only the score is."""
    path = model(labels=[f"__label__{number}" for number in range(500)], counts=range(500, 0, -1))
    found = metrics(Score(model=Asset(path), label=("499",)), "a x")
    assert found["labels"] is None
    assert found["score"] == by_fasttext(path, "a x")["499"]


def test_thresholds_include_themselves(model: Callable[..., str]) -> None:
    """A score equal to a threshold is enough."""
    asset = Asset(model())
    score = metrics(Score(model=asset), "a")["score"]
    assert failed(Score(model=asset, min=score, max=score), "a") == [[]]
    above, below = np.nextafter(score, 1), np.nextafter(score, 0)
    assert failed(Score(model=asset, min=above), "a") == [["too_low"]]
    assert failed(Score(model=asset, max=below), "a") == [["too_high"]]
    assert failed(Score(model=asset), "a") == [[]]


def test_a_language_may_have_its_threshold(model: Callable[..., str]) -> None:
    """Thresholds by language are those of the other stages."""
    stage = Score.model_validate({"model": model(), "min": 0.2, "thresholds": {"de": {"min": 0.7}}})
    assert [rule.by_language for rule in stage.applied_rules()] == [{"de": 0.7}, {}]


@pytest.mark.parametrize(
    ("normalise", "line"),
    [
        ("newlines", " A  b\x85C, d "),
        ("dclm", "A  b C, d"),
        ("lower", " a  b\x85c, d "),
        ("words", "a b c d"),
    ],
)
def test_texts_are_as_the_model_was_trained(model: Callable[..., str], normalise: str, line: str) -> None:
    """Each way of making a line is the one that its recipe documents."""
    path = model(words=("A", "a", "b", "C,", "c,", "c"), shortest=1)
    found = metrics(Score.model_validate({"model": path, "normalise": normalise}), "\nA  b\x85C, d\n")
    assert found["score"] == by_fasttext(path, line)["hq"]


@pytest.mark.parametrize(
    ("labels", "chosen"),
    [(GOOD, "hq"), (("__label__negative", "__label__positive"), "positive"), (("1", "0"), "1")],
)
def test_the_positive_label_is_known(model: Callable[..., str], labels: tuple[str, str], chosen: str) -> None:
    """Without ``label``, the one label that is known to mean good texts counts."""
    path = model(labels=labels)
    assert metrics(Score(model=Asset(path)), "a") == metrics(Score(model=Asset(path), label=(chosen,)), "a")


@pytest.mark.parametrize(
    ("labels", "label", "problem", "hint"),
    [
        (("__label__a", "__label__b"), None, "no label of it is known", "'a', 'b'"),
        (("__label__hq", "__label__pos"), None, "no label of it is known", "'hq', 'pos'"),
        (GOOD, "good", "it has no label 'good'", "'hq', 'cc'"),
        (("__label__hq", "hq"), "hq", "2 of its labels are 'hq'", "'hq'"),
        (("__label__\x1b[31m" + "x" * 5000, "b"), "x", "it has no label", r"\\x1b\[31mx+', 'b'"),
    ],
)
def test_a_label_that_is_not_there_is_named(
    model: Callable[..., str], labels: tuple[str, str], label: str | None, problem: str, hint: str
) -> None:
    """The error lists the labels, escaped and shortened: they come from a stranger."""
    stage = Score(model=Asset(model(labels=labels)), label=(label,) if label else None)
    with pytest.raises(AssetError, match=problem) as caught:
        stage.check_asset("model", stage.model)
    assert len(caught.value.hint) < 300

    assert re.search(hint, caught.value.hint)


def test_a_model_that_is_replaced_is_read_again(model: Callable[..., str]) -> None:
    """The file counts, not its name."""
    path = model(seed=1)
    first = metrics(Score(model=Asset(path)), "a the")["score"]
    Path(path).unlink()
    assert metrics(Score(model=Asset(model(seed=2, words=("a", "the", "x")))), "a the")["score"] != first


def test_what_contributes_is_highlighted(model: Callable[..., str]) -> None:
    """Words that move the score to where it is are marked wherever they stand."""
    stage = Score(model=Asset(model(words=("a", "the", "fox"), longest=0, word_ngrams=2, buckets=3)))
    text = "a fox\nthe  fox thefox a"
    found = stage.contributions(text, "score", 4)
    assert len(found) == 4
    assert [abs(one.weight) for one in found] == sorted((abs(one.weight) for one in found), reverse=True)
    spans = [text[start:end] for start, end in stage.highlights(text, "score")]
    assert spans
    assert {" ".join(span.split()) for span in spans} <= {one.feature for one in stage.contributions(text, "score", 10)}
    assert stage.contributions("", "score", 4) == []


def wrong_files() -> dict[str, bytes]:
    whole = bytes(Toy(labels=GOOD, counts=(2, 1)))
    return {
        "empty": b"",
        "text": b"not a model\n" * 100,
        "truncated": whole[: len(whole) // 2],
        "counts": whole[:64] + b"\xff\xff\xff\x7f" + whole[68:],
        "vectors": bytes(Toy(kind=1)),
        "pickle": b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.",
        "nan": bytes(Toy(labels=GOOD, counts=(2, 1), scale=float("nan"))),
    }


@pytest.mark.parametrize("kind", sorted(wrong_files()))
def test_a_wrong_model_ends_a_run_with_one_error(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 3, and one message with the file and a fix, before any document is read."""
    path = tmp_path / "model.bin"
    path.write_bytes(wrong_files()[kind])
    (tmp_path / "in.warc.gz").write_bytes(gzip.compress(b""))
    recipe = tmp_path / "recipe.yaml"
    steps = [{"warc": {}}, {"extract": {}}, {"score": {"model": str(path), "label": "hq"}}]
    places = {"inputs": str(tmp_path / "in.warc.gz"), "root": str(tmp_path / "root")}
    recipe.write_text(json.dumps({"dataset": "d", **places, "pipeline": steps}))
    assert execute(["run", "-c", str(recipe)]) == 3
    message = capsys.readouterr().err
    assert message.count(str(path)) == 1, message
    assert "set it to a fastText model" in message


def test_empty_batches_have_no_scores(model: Callable[..., str]) -> None:
    """No documents, no rows."""
    found = Score(model=Asset(model())).measure(docs())
    assert len(found["score"]) == len(found["labels"]) == 0
