"""Laws of `refinery train`: splits, figures, files of examples, and the same bytes for the same seed."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from refinery.cli import execute
from refinery.errors import StorageError, UsageError
from refinery.kernels import TextModel
from refinery.training.examples import Examples, Labelling, read_examples
from refinery.training.figures import auc, figures
from refinery.training.linear import NgramRows, fit
from refinery.training.split import fold_numbers, rows_for_test
from refinery.training.training import train

SCORED = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.99, 1.0]), st.booleans()), min_size=2).filter(
    lambda rows: len({positive for _, positive in rows}) == 2
)
COOKING = [
    "the",
    "soup",
    "needs",
    "salt",
    "and",
    "butter,",
    "then",
    "stir",
    "the",
    "onions",
    "slowly",
    "until",
    "they",
    "are",
    "soft",
]
SALES = [
    "buy",
    "now",
    "cheap",
    "offer",
    "click",
    "here",
    "best",
    "price",
    "free",
    "shipping",
    "order",
    "today",
    "discount",
]


def made_up(texts: int, seed: int = 1) -> list[dict[str, Any]]:
    """Sentences about cooking, and offers in capitals; six texts a domain."""
    chance, rows = Random(seed), []
    for number in range(texts):
        good = number % 2 == 0
        words = [chance.choice(COOKING if good else SALES) for _ in range(40)]
        text = " ".join(words).capitalize() + "." if good else "\n".join(words).upper()
        language = "en" if number % 3 else "de"
        rows.append(
            {"text": text, "label": "good" if good else "junk", "url": f"http://d{number // 6}.example/{number}"}
        )
        rows[-1]["language"] = language
    return rows


def lines(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def read(*files: str, label: str | None = None, least: float | None = None) -> Examples:
    return read_examples(files, (), (), Labelling(label, least))


@given(domains=st.lists(st.sampled_from("abcdefgh"), max_size=60), folds=st.integers(2, 5), seed=st.integers(0, 9))
def test_no_domain_is_in_two_folds(domains: list[str], folds: int, seed: int) -> None:
    """Each domain has one fold, in any order of the examples."""
    found = fold_numbers(domains, folds, seed).tolist()
    fold_of = dict(zip(domains, found, strict=True))
    assert [fold_of[domain] for domain in domains] == found
    assert fold_numbers(domains[::-1], folds, seed).tolist() == found[::-1]


def test_folds_are_of_about_one_size() -> None:
    """A fold has at most one domain more than another, if all domains are of one size; the test is a fifth."""
    domains = [str(number // 10) for number in range(1000)]
    assert np.bincount(fold_numbers(domains, 4, 0)).tolist() == [250] * 4
    assert rows_for_test(domains, 0.2, 7).sum() == 200


@given(SCORED)
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[float, bool]]) -> None:
    """By looking at each pair."""
    scores, positive = np.array([score for score, _ in rows]), np.array([one for _, one in rows])
    pairs = [(high > low) + (high == low) / 2 for high in scores[positive] for low in scores[~positive]]
    assert auc(scores, positive) == pytest.approx(np.mean(pairs))


@given(SCORED)
@settings(max_examples=50)
def test_figures_add_up(rows: list[tuple[float, bool]]) -> None:
    """Bins of the calibration have all texts and all positive ones; the precision at a yield counts whole texts."""
    scores, positive = np.array([score for score, _ in rows]), np.array([one for _, one in rows])
    found = figures(scores, positive, ["a"] * len(rows), ["en"] * len(rows))
    assert sum(one.texts for one in found.calibration) == len(rows)
    assert sum(one.texts * one.positive for one in found.calibration) == pytest.approx(positive.sum())
    assert sum(one.texts * one.mean_score for one in found.calibration) == pytest.approx(scores.sum())
    for one in found.yields:
        assert 0 <= one.precision <= 1
        assert one.precision * one.texts == pytest.approx(one.recall * positive.sum())


def test_precision_at_a_yield_is_of_the_highest() -> None:
    """Of 100 texts the ten highest, of which eight are positive."""
    scores, positive = np.arange(100) / 100, np.zeros(100, bool)
    positive[[99, 98, 97, 96, 95, 94, 93, 90, 5]] = True
    ten = figures(scores, positive, [""] * 100, [""] * 100).yields[2]
    assert (ten.texts, ten.min_score, ten.precision) == (10, 0.9, 0.8)


def test_a_linear_classifier_learns_words() -> None:
    """The classifier separates texts of two vocabularies; another seed gives about the same weights."""
    rows = made_up(60)
    ngrams = NgramRows(pa.array([row["text"] for row in rows]))
    positive = np.array([row["label"] == "good" for row in rows])
    for seed in (0, 1):
        scores = fit(ngrams, positive, np.arange(40), seed).scores(ngrams, np.arange(40, 60))
        assert auc(scores.astype(np.float64), positive[40:]) == 1


def test_examples_of_all_forms_are_the_same(tmp_path: Path) -> None:
    """JSON lines, compressed ones, and Parquet; by label, and by score."""
    rows = made_up(12)
    plain = lines(tmp_path / "a.jsonl", rows)
    packed, table = tmp_path / "a.jsonl.gz", tmp_path / "a.parquet"
    packed.write_bytes(gzip.compress(Path(plain).read_bytes()))
    pq.write_table(pa.Table.from_pylist(rows), table)
    scored = lines(
        tmp_path / "s.jsonl", [{**row, "label": None, "score": 3.5 if row["label"] == "good" else 1} for row in rows]
    )
    found = [read(plain), read(str(packed)), read(str(table)), read(scored, least=3)]
    for one in found:
        assert one.texts.to_pylist() == [row["text"] for row in rows]
        assert one.positive.tolist() == [True, False] * 6
        assert one.domains == ["d0.example"] * 6 + ["d1.example"] * 6
        assert one.languages == [row["language"] for row in rows]


def test_a_text_without_a_domain_is_its_own(tmp_path: Path) -> None:
    """Copies of a text are in one domain, so that none is in both the training and the test."""
    rows = [{"text": text, "label": label} for text, label in (("a", 1), ("a", 1), ("b", 0))]
    domains = read(lines(tmp_path / "a.jsonl", rows)).domains
    assert domains[0] == domains[1] != domains[2]


def test_sources_are_all_positive_or_all_negative(tmp_path: Path) -> None:
    """Files without labels."""
    good, junk = (lines(tmp_path / f"{name}.jsonl", [{"text": name}]) for name in ("good", "junk"))
    assert read_examples((), (good,), (junk, junk), Labelling()).positive.tolist() == [True, False, False]


GOOD = json.dumps({"text": "a", "label": "good"})
WRONG = {
    "no json": ("{", r"a.jsonl:2: no JSON"),
    "no object": ("[1]", r"a.jsonl:2: \[1\] is no JSON object"),
    "no text": ('{"label": "junk"}', r"a.jsonl:2: text is None"),
    "text is a number": ('{"text": 1, "label": "junk"}', r"a.jsonl:2: text is 1"),
    "a label is missing": ('{"text": "b"}', r"a.jsonl:2: label is None"),
    "a label is a list": ('{"text": "b", "label": [1]}', r"a.jsonl:2: label is \[1\]"),
    "two positive labels": ('{"text": "b", "label": "hq"}', r"which label is the positive one\? There are good, hq"),
    "a domain is a number": ('{"text": "b", "label": "junk", "domain": 1}', r"a.jsonl:2: domain is 1"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_line_is_named(tmp_path: Path, wrong: str) -> None:
    """The file, the line, and the value."""
    line, message = WRONG[wrong]
    path = tmp_path / "a.jsonl"
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(UsageError, match=message):
        read(str(path))


def test_other_wrong_input_is_one_error(tmp_path: Path) -> None:
    """Scores without a limit, not a number, one label, no such file, damaged files, an unknown ending."""
    scored = lines(tmp_path / "s.jsonl", [{"text": "a", "score": 1}, {"text": "b", "score": 2}])
    with pytest.raises(UsageError, match="scores") as caught:
        read(scored)
    assert "--at-least" in caught.value.hint
    with pytest.raises(UsageError, match=r"a.jsonl:1: neither label nor score"):
        read(lines(tmp_path / "a.jsonl", [{"text": "a"}]))
    with pytest.raises(UsageError, match="all 2 examples are positive"):
        read(scored, least=0)
    with pytest.raises(UsageError, match="no label is 'best'"):
        read(lines(tmp_path / "b.jsonl", made_up(2)), label="best")
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a", "label": 1}\n' * 9)[:-12])
    for damaged in ("c.parquet", "c.jsonl.gz", "missing.jsonl"):
        with pytest.raises(StorageError, match=damaged):
            read(str(tmp_path / damaged))
    with pytest.raises(UsageError, match=r"neither .parquet nor .jsonl"):
        read(str(tmp_path / "a.csv"))


@pytest.mark.parametrize(("kind", "suffix"), [("trees", "safetensors"), ("fasttext", "bin")])
def test_the_same_seed_gives_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the command to a model that the stage reads: its card has its checksum and figures."""
    monkeypatch.chdir(tmp_path)
    examples = lines(tmp_path / "examples.jsonl", made_up(60))
    models = []
    for name, seed in (("one", "5"), ("two", "5")):
        model = tmp_path / f"{name}.{suffix}"
        assert execute(["train", examples, "--kind", kind, "--out", f"./{model.name}", "--seed", seed]) == 0
        models.append(model.read_bytes())
    assert models[0] == models[1]
    assert "SHA-256" in capsys.readouterr().out
    card = json.loads((tmp_path / "one.json").read_text())
    assert card["sha256"] == hashlib.sha256(models[0]).hexdigest() == (tmp_path / "one.sha256").read_text().split()[0]
    assert card["figures"]["auc"] > 0.9
    assert card["trained_on"] + card["figures"]["texts"] == 60
    assert {one["language"] for one in card["figures"]["languages"]} == {"en", "de"}
    model = TextModel(str(tmp_path / f"one.{suffix}"))
    good, junk = model.scores(pa.array([made_up(2, seed=9)[row]["text"] for row in (0, 1)]))[
        :, model.labels.index("positive")
    ]
    assert good > 0.5 > junk


def test_a_name_that_is_not_the_kinds_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is read."""
    assert execute(["train", "missing.jsonl", "--out", str(tmp_path / "a.bin")]) == 2
    assert "a model of the kind trees ends in .safetensors" in capsys.readouterr().err


def test_too_few_domains_are_an_error(tmp_path: Path) -> None:
    """All of one label are of one domain, so that either part lacks one."""
    rows = [{**row, "url": f"http://{row['label']}.example/"} for row in made_up(20)]
    with pytest.raises(UsageError, match="has not both labels"):
        train(read(lines(tmp_path / "a.jsonl", rows)), "trees", "x.safetensors", seed=0, test_share=0.2, sources={})
