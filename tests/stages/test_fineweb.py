"""FineWeb's filters against a naive reading of their definitions."""

from __future__ import annotations

import regex
from hypothesis import given, strategies as st

from refinery.stages._terminals import TERMINALS
from refinery.stages.fineweb import Fineweb
from tests.stages.verdicts import docs, edited, failed, metrics

PIECES = [
    "One",
    "two.",
    "three!",
    "日本。",
    "e\u0301",
    "x" * 31,
    ' said "no."',
    "\n",
    "\n",
    "\n",
    " ",
    "\xa0",
    "\t",
    "\r",
    "។",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def naive(text: str) -> dict[str, float]:
    """The figures by their definition."""
    lines = [line for line in text.split("\n") if line.strip()]
    seen: set[str] = set()
    repeated = 0
    for line in lines:
        repeated += len(line) if line in seen else 0
        seen.add(line)
    characters, words = len(text.replace("\n", "")), len(text.split())
    return {
        "lines": len(lines),
        "line_punct": sum(line[-1] in TERMINALS for line in lines) / len(lines) if lines else 0,
        "short_lines": sum(len(line) <= 30 for line in lines) / len(lines) if lines else 0,
        "char_dup": repeated / characters if characters else 0,
        "list_ratio": text.count("\n") / words if words else 0,
    }


@given(TEXTS)
def test_metrics_are_those_of_the_definition(text: str) -> None:
    """Lines, their ends, lengths and repeats, and newlines a word."""
    assert metrics(Fineweb(words="whitespace"), text) == naive(text)


@given(st.lists(st.none() | TEXTS, max_size=6))
def test_texts_of_a_batch_do_not_meet(texts: list[str | None]) -> None:
    """A batch gives for each text what it gives alone; null is empty."""
    together = edited(Fineweb(), docs(*texts)).metrics
    alone = [metrics(Fineweb(), text or "") for text in texts]
    assert {name: values.to_pylist() for name, values in together.items()} == {
        name: [row[name] for row in alone] for name in together
    }


def test_thresholds_themselves_are_kept() -> None:
    """12 of 100 lines that end are enough, 67 short ones not too many; an empty text has a rule of its own."""
    long = [f"{number} is a line with more than thirty characters" for number in range(100)]
    ended = [f"{line}." for line in long[:12]] + long[12:]
    short = [f"{number}." for number in range(67)] + [f"{line}." for line in long[67:]]
    assert failed(Fineweb(), "\n".join(ended), "\n".join([*ended[1:], "x" * 31])) == [[], ["line_punct"]]
    assert failed(Fineweb(), "\n".join(short), "\n".join([*short[:-1], "a."])) == [["list_ratio"][:0], ["short_lines"]]
    assert failed(Fineweb(), "", None) == [["empty", "line_punct"]] * 2


def test_no_line_that_ends_can_be_excluded() -> None:
    """With exclude_zero the rule is for texts that have some such lines."""
    text = "a line without punctuation at its end, and a long one\n" * 2
    assert "line_punct" in failed(Fineweb(), text)[0]
    assert "line_punct" not in failed(Fineweb(exclude_zero=True), text)[0]
    assert metrics(Fineweb(exclude_zero=True), text)["line_punct"] is None


def test_white_space_at_the_end_counts() -> None:
    """As in the code, a line that ends with a space ends with no punctuation, and differs from one without."""
    found = metrics(Fineweb(), "It ends.\nIt ends. ")
    assert (found["line_punct"], found["char_dup"]) == (0.5, 0)


def test_highlights() -> None:
    """The lines that are counted, and of finished lines those that are not."""
    text = "It ends.\n\nIt does not\nIt ends."
    spans = {metric: [text[a:b] for a, b in Fineweb().highlights(text, metric)] for metric in metrics(Fineweb(), text)}
    assert spans["line_punct"] == ["It does not"]
    assert spans["short_lines"] == ["It ends.", "It does not", "It ends."]
    assert spans["char_dup"] == ["It ends."]
    assert spans["lines"] == spans["list_ratio"] == []


def test_terminals_are_unicode_s() -> None:
    """All have the property Sentence_Terminal in a later version of Unicode, but for three signs of Khmer."""
    assert [mark for mark in TERMINALS if not regex.match(r"\p{Sentence_Terminal}", mark)] == list("\u17d6\u17d9\u17da")
    assert set(".?!。؟।።။") <= set(TERMINALS)
    assert len(set(TERMINALS)) == len(TERMINALS)
