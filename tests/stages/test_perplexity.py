"""Perplexities are those of a naive reader of ARPA files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery import LANG, AssetError, UsageError
from refinery.stages.perplexity import HIGHEST, Perplexity, normalised
from tests.stages.verdicts import docs, edited, failed, metrics

ARPA = """\\data\\
ngram 1=6
ngram 2=5
ngram 3=2

\\1-grams:
-2.1\t<unk>
-99\t<s>\t-0.3
-0.9\t</s>
-0.7\t▁\t-0.2
-0.6\ta\t-0.5
-1.2\tb\t-0.1

\\2-grams:
-0.4\t<s> ▁\t-0.25
-0.3\t▁ a\t-0.15
-0.8\ta b\t-0.05
-0.5\tb ▁
-0.2\ta </s>

\\3-grams:
-0.1\t<s> ▁ a
-0.35\t▁ a b

\\end\\
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A language model of three orders, and a tokenizer of single characters."""
    pytest.importorskip("kenlm", reason="needs kenlm")
    sentencepiece = pytest.importorskip("sentencepiece", reason="needs sentencepiece")
    folder = tmp_path_factory.mktemp("models")
    (folder / "tiny.arpa").write_text(ARPA, encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b ab ba", "abba", "baab"]),
        model_prefix=str(folder / "tiny"),
        model_type="char",
        vocab_size=6,
        minloglevel=2,
    )
    return {"model": str(folder / "tiny.arpa"), "tokenizer": str(folder / "tiny.model")}


def tables() -> dict[tuple[str, ...], tuple[float, float]]:
    """Log probabilities and weights of backing off, by n-gram."""
    found = {}
    for line in ARPA.splitlines():
        if line.startswith("-"):
            log, ngram, *weight = line.split("\t")
            found[tuple(ngram.split())] = (float(log), float(weight[0]) if weight else 0.0)
    return found


def log10(history: tuple[str, ...], word: str, known: dict[tuple[str, ...], tuple[float, float]]) -> float:
    """The probability of a word: of the longest n-gram that is known, with the weights of the longer histories."""
    if (*history, word) in known:
        return known[*history, word][0]
    if not history:
        return known["<unk>",][0]
    return known.get(history, (0.0, 0.0))[1] + log10(history[1:], word, known)


def naive(text: str) -> float | None:
    """Single characters, with a mark for the beginning of each word."""
    pieces = [piece for word in text.lower().split() for piece in ("▁", *word)]
    known, history, total = tables(), ("<s>",), 0.0
    for piece in (*pieces, "</s>"):
        total += log10(history, piece, known)
        history = (*history, piece)[-2:]
    return 10 ** (-total / (len(pieces) + 1)) if pieces else None


@given(text=st.text("ab \nA", max_size=30))
def test_perplexities_are_those_of_the_file(models: dict[str, str], text: str) -> None:
    """With backing off, and the end of the sentence."""
    found, wanted = metrics(Perplexity(**models), text)["perplexity"], naive(text)
    assert found == (wanted and pytest.approx(wanted, rel=1e-5))


def test_thresholds_and_languages(models: dict[str, str]) -> None:
    """Documents in other languages have no perplexity, and stay."""
    easy, odd = "a a a a", "xyz b xyz"
    assert failed(Perplexity(**models, max=10), easy, odd, None) == [[], ["too_high"], []]
    assert failed(Perplexity(**models, min=10), easy, odd) == [["too_low"], []]
    batch = docs(easy, odd).with_columns({LANG.name: pa.array(["en", "de"])})
    found: Any = edited(Perplexity(**models, languages=("en",)), batch).metrics["perplexity"]
    assert [value is None for value in found.to_pylist()] == [False, True]
    assert Perplexity(**models).rules()[1].at_most == HIGHEST


def test_text_is_normalised_as_the_models_expect() -> None:
    """Case, accents, digits, marks and controls; a newline stays between words."""
    assert normalised("  Été 2024:\nÀ „vous“ — 5 €…\x07 ") == 'ete 0000: a "vous"  -  0 €...'


def test_what_is_missing_is_named(models: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is no model, and a package that is not installed."""
    (tmp_path / "other.bin").write_bytes(b"no model")
    with pytest.raises(AssetError):
        Perplexity(model=str(tmp_path / "other.bin"), tokenizer=models["tokenizer"]).measure(docs("a"))
    monkeypatch.setattr("refinery.stages.perplexity.find_spec", lambda name: None)
    (tmp_path / "second.arpa").write_text(ARPA, encoding="utf-8")
    with pytest.raises(UsageError, match="kenlm"):
        Perplexity(model=str(tmp_path / "second.arpa"), tokenizer=models["tokenizer"]).measure(docs("a"))
