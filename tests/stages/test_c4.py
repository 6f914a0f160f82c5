"""C4's rules against a naive reading of them, line by line."""

from __future__ import annotations

import gzip
import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, strategies as st
from pydantic import ValidationError

from refinery import Asset
from refinery.kernels import undo
from refinery.stage.documents import LANG
from refinery.stages._c4 import bad_words
from refinery.stages._c4.clean import LINE_KINDS, POLICIES
from refinery.stages.c4 import C4
from refinery.testing import documents
from tests.stages.verdicts import edited, failed, metrics

PIECES = [
    *("One", "two", "three.", "four!", '"five"', "six's'", "seven...", "a", "x" * 12, "e\u0301."),
    *("[1]", "[12]", "[]", "[edit]", "[citation needed]", "[x]", "[[1]]", "lorem ipsum", "Lorem IPSUM"),
    *(
        "JavaScript",
        "javascript.",
        "{",
        "{.",
        "Use cookies.",
        "our privacy policy!",
        "Terms of Use",
        "日本語。",
        "\u200b",
    ),
    *(" ", " ", " ", "\n", "\n", "\n", "\r\n", "\t", "\x0b", "\x1c", "\x85", "\u2028", "\xa0", "\u3000", "  "),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
STAGES = st.builds(
    C4,
    words=st.just("whitespace"),
    discard=st.lists(st.sampled_from(LINE_KINDS), unique=True),
    citations=st.booleans(),
    min_words=st.integers(0, 3),
    max_word=st.sampled_from([3, 10, 1000]),
)


def kept_lines(stage: C4, text: str) -> tuple[list[str], dict[str, int]]:
    """The lines that stay, and counts by the names of metrics."""
    kept, counts = [], dict.fromkeys([*(f"{kind}_lines" for kind in LINE_KINDS), "lorem_ipsum", "curly_bracket"], 0)
    for given_line in text.splitlines():
        line = given_line.strip()
        words = line.split()
        if stage.citations:
            line = re.sub(r"\[\d*\]|\[edit\]|\[citation needed\]", "", line)
        low = line.lower()
        junk = {
            "long_word": any(len(word) > stage.max_word for word in words),
            "no_punctuation": not line.endswith(tuple(stage.marks)) or line.endswith("..."),
            "few_words": len(words) < stage.min_words,
            "javascript": "javascript" in low,
            "policy": any(phrase in low for phrase in POLICIES),
        }
        found = next((kind for kind in LINE_KINDS if kind in stage.discard and junk[kind]), None)
        place = LINE_KINDS.index(found) if found else len(LINE_KINDS)
        counts["lorem_ipsum"] += "lorem ipsum" in low and place >= LINE_KINDS.index("javascript")
        counts["curly_bracket"] += "{" in line and place >= LINE_KINDS.index("policy")
        if found and words:
            counts[f"{found}_lines"] += 1
        if not found:
            kept.append(line)
    return kept, counts


def measured(stage: C4, text: str) -> dict[str, Any]:
    result = edited(stage, documents([text]))
    return {name: pa.array(values)[0].as_py() for name, values in {**result.metrics, **result.columns}.items()}


@given(STAGES, TEXTS)
@example(C4(words="whitespace", discard=[]), "[1] One two.\n\n[2] [3] [4]")
@example(C4(words="whitespace", discard=[], min_words=0), "\n \n a \n\n b [1]\n\n")
@example(C4(words="whitespace"), "One two three.\r\n\r\nfour five six!\rSeven eight nine.\n")
def test_lines_stay_as_in_a_naive_reading(stage: C4, text: str) -> None:
    """C4 keeps the lines of a naive implementation, counts the same reasons, leaves separators unchanged, and can be undone."""
    found = measured(stage, text)
    lines, counts = kept_lines(stage, text)
    assert {name: found[name] for name in counts} == counts
    assert "\n".join(found["text"].splitlines()) == "\n".join("\n".join(lines).strip().splitlines())
    assert undo(pa.array([found["text"]]), pa.array([found["removed"]])).to_pylist() == [text]


@given(st.lists(st.none() | TEXTS, max_size=5), st.integers(0, 3))
def test_texts_of_a_batch_do_not_meet(texts: list[str | None], start: int) -> None:
    """A batch, also a slice of one, gives for each text what the text alone gives; null is empty."""
    batch = documents(texts).slice(min(start, len(texts)))
    together = edited(C4(), batch)
    for row, text in enumerate(texts[start:]):
        alone = edited(C4(), documents([text or ""]))
        for name, values in {**together.metrics, **together.columns}.items():
            assert pa.array(values)[row] == pa.array({**alone.metrics, **alone.columns}[name])[0]


def test_the_rules_in_their_order() -> None:
    """A line goes for the first reason; lorem ipsum and brackets count only in lines that the rules before them keep."""
    text = "Lorem ipsum dolor\n{ a } { b } javascript.\nToo few.\nA sentence with enough words.[1]\n"
    text += "We use cookies on this site. And { this too }."
    found = metrics(C4(), text)
    kinds = ("no_punctuation_lines", "few_words_lines", "javascript_lines", "policy_lines")
    assert [found[kind] for kind in kinds] == [1, 1, 1, 1]
    assert (found["lorem_ipsum"], found["curly_bracket"], found["citations"], found["sentences"]) == (0, 1, 1, 1)
    assert failed(C4(), text) == [["curly_bracket", "few_sentences"]]
    assert failed(C4(remove=["lorem_ipsum"], min_sentences=1), text) == [[]]
    assert metrics(C4(discard=[]), text)["lorem_ipsum"] == 1


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("It ends here.", True),
        ("It ends here?", True),
        ('He said "it ends."', True),
        ("It goes on...", False),
        ("It goes on…", False),
        ("It ends here. [1]", False),
        ("It ends here.[1]", True),
        ("  It ends here.\t", True),
    ],
)
def test_punctuation_at_the_end(line: str, *, stays: bool) -> None:
    """An ellipsis does not end a line, and a citation leaves the space before it, as in both implementations."""
    assert bool(measured(C4(), line)["text"]) is stays


def test_words_in_scripts_without_spaces() -> None:
    """A line of Japanese has as many words as its dictionary finds, unless white space alone divides."""
    line = "これは日本語の文章です."
    assert measured(C4(), line)["text"] == line
    assert measured(C4(words="whitespace"), line)["text"] == ""
    assert measured(C4(max_word=8), line)["text"] == line
    assert measured(C4(max_word=8, words="whitespace", min_words=0), line)["text"] == ""


def test_paragraphs() -> None:
    """Long lines of the text before the cuts count."""
    stage = C4(min_paragraphs=3, min_sentences=0)
    long = "x " * 100
    assert failed(stage, "\n".join([long] * 3), "\n".join([long, long, long[:-1]])) == [[], ["few_paragraphs"]]


def words_file(folder: Path, name: str, *words: str) -> Asset:
    path = folder / name
    path.write_text("\n".join(words), encoding="utf-8")
    return Asset(str(path))


def test_bad_words(tmp_path: Path) -> None:
    """A word of the list of its language counts where it stands alone; in Japanese anywhere; what is allowed nowhere."""
    lists = (
        words_file(tmp_path, "en.txt", "bad", "very bad word", "c++"),
        words_file(tmp_path, "ja.txt", "悪い", "sm"),
    )
    stage = C4(bad_words=lists, discard=[], min_sentences=0)
    texts = ["A BAD.", "badly", "a verybad", "ébad", "bad_", "c++!", "悪い", "とても悪いです", "sm", "bad"]
    codes = ["en"] * 6 + ["en", "ja", "ja", "fr"]
    batch = documents(texts).with_columns({"lang": pa.array(codes, LANG.type)})
    counts = edited(stage, batch).metrics["bad_words"]
    assert pa.array(counts).to_pylist() == [1, 0, 0, 0, 0, 1, 0, 1, 0, None]


def test_lists_are_built_sorted(tmp_path: Path) -> None:
    """A builder writes each word once."""
    source = words_file(tmp_path, "list", "b", "a ", "", "b")
    assert bad_words.build(source, str(tmp_path / "en.txt")) == {"words": 2}
    assert (tmp_path / "en.txt").read_text() == "a\nb\n"


def test_unknown_rules_are_refused() -> None:
    """A kind of line is one of those that there are."""
    with pytest.raises(ValidationError):
        C4(discard=["uppercase"])


@pytest.mark.slow
def test_real_texts(corpus: Path) -> None:
    """Real pages: the naive reading and undoing."""
    with gzip.open(corpus / "pages" / "truth.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["gold_text"] for line in islice(stream, 500)]
    stage = C4(words="whitespace")
    result = edited(stage, documents(texts))
    expected = ["\n".join(kept_lines(stage, text)[0]).strip() for text in texts]
    assert [text.splitlines() for text in result.columns["text"].to_pylist()] == [
        text.splitlines() for text in expected
    ]
    assert undo(result.columns["text"], result.metrics["removed"]).to_pylist() == texts
