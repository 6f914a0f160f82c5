"""Exact substring deduplication against brute force."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, groupby, pairwise, zip_longest
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pytest
import regex
from hypothesis import example, given, settings, strategies as st

from refinery.assets import Asset
from refinery.kernels import normalise, token_ids, token_lengths, undo
from refinery.kernels.reference.align import boundaries
from refinery.stage.documents import Docs
from refinery.stages._repeats import REPEATS
from refinery.stages.substring import Substring
from refinery.testing import documents, run_global

MERGES = Asset("gpt2.bpe").path()
LENGTHS = token_lengths(MERGES).tolist()

Span = tuple[int, int]
Window = tuple[Any, ...]


# ------------------------------------------------------------------------------------------------------------ oracle


def units_of(text: str, *, normalised: bool) -> list[tuple[str, int, int]]:
    """What each least piece that can be cut is normalised to, and its bytes in the text; one character at a time."""
    units: list[tuple[str, int, int]] = []
    at, attached = 0, False
    for character in text:
        start, at = at, at + len(character.encode())
        piece = normalise(pa.array([f"x{character}x"]))[0].as_py()[1:-1] if normalised else character
        category = unicodedata.category(character)
        if piece or not normalised:
            if piece == " " and normalised and units and units[-1][0] == " ":
                units[-1] = (" ", units[-1][1], at)
            else:
                units.append((piece, start, at))
            attached = True
        elif category.startswith("P"):
            attached = False
        elif attached:
            units[-1] = (*units[-1][:2], at)
    if normalised:
        units = units[bool(units and units[0][0] == " ") :]
        units = units[: len(units) - bool(units and units[-1][0] == " ")]
    return units


def tokens_of(stage: Substring, compared: str) -> list[bytes]:
    """The bytes of the compared text that each token stands for; white space at its end is no word's."""
    data = compared.encode()
    if stage.unit == "bytes":
        return [bytes([byte]) for byte in data]
    if stage.unit == "words":
        return [match[0].encode() for match in re.finditer(r"\s*\S+", compared)]
    sizes = [LENGTHS[token] for token in token_ids(pa.array([compared], pa.string()), MERGES)[0].as_py()]
    return [data[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]


def names_of(stage: Substring, tokens: Sequence[bytes]) -> list[Any]:
    """What is compared of tokens: words count without the white space before them, tokens by their ids."""
    if stage.unit == "words":
        return [token.decode().split()[0] for token in tokens]
    return list(tokens)


def windows_of(stage: Substring, text: str) -> list[Window]:
    """The windows of a text."""
    names = names_of(stage, tokens_of(stage, "".join(u[0] for u in units_of(text, normalised=stage.normalise))))
    return [tuple(names[i : i + stage.min_tokens]) for i in range(len(names) - stage.min_tokens + 1)]


def marks(windows: Sequence[Window], gone: Sequence[bool], size: int) -> list[bool]:
    """Which tokens lie in a window that is marked."""
    marked = [False] * (len(windows) + size - 1 if windows else 0)
    for i, mark in enumerate(gone):
        if mark:
            marked[i : i + size] = [True] * size
    return marked


def wholly(stage: Substring, text: str, marked: Sequence[bool]) -> list[Span]:
    """Runs of units all of whose bytes lie in marked tokens, from the first byte of the first to the last of the last."""
    units = units_of(text, normalised=stage.normalise)
    tokens = tokens_of(stage, "".join(unit[0] for unit in units))
    by_byte = [mark for mark, token in zip_longest(marked, tokens, fillvalue=False) for _ in token]
    found = []
    for piece, start, end in units:
        width = len(piece.encode())
        found.append((len(by_byte) >= width and all(by_byte[:width]), start, end))
        del by_byte[:width]
    groups = [(gone, list(group)) for gone, group in groupby(found, itemgetter(0))]
    return [(group[0][1], group[-1][2]) for gone, group in groups if gone]


def moved(stage: Substring, text: str, cuts: Sequence[Span], kept: Sequence[Span]) -> list[Span]:
    """The cuts by whole pieces of the text: each goes or stays as one."""
    places = boundaries(text, stage.align).tolist()
    pieces = []
    for start, end in pairwise(places):
        if stage.align == "char":
            gone = any(a <= start and end <= b for a, b in cuts)
        else:
            gone = any(a < end and start < b for a, b in cuts) and not any(a < end and start < b for a, b in kept)
        pieces.append((gone, start, end))
    groups = [(gone, list(group)) for gone, group in groupby(pieces, itemgetter(0))]
    return [(group[0][1], group[-1][2]) for gone, group in groups if gone]


def brute_force(stage: Substring, texts: Sequence[str], dates: Sequence[int]) -> list[list[Span]]:
    """Compare all windows as tuples; the first copy by date and place stays, where one is kept."""
    windows = [windows_of(stage, text) for text in texts]
    counts = Counter(window for each in windows for window in each)
    seen: set[Window] = set()
    found: list[list[Span]] = [[] for _ in texts]
    for i in sorted(range(len(texts)), key=lambda i: dates[i]):
        go, stay = [], []
        for window in windows[i]:
            first = stage.keep == "first" and counts[window] > 1 and window not in seen
            seen.add(window)
            stay.append(first)
            go.append(counts[window] > 1 and not first)
        kept = marks(windows[i], stay, stage.min_tokens)
        gone = [a and not b for a, b in zip(marks(windows[i], go, stage.min_tokens), kept, strict=True)]
        found[i] = moved(stage, texts[i], wholly(stage, texts[i], gone), wholly(stage, texts[i], kept))
    return found


# ------------------------------------------------------------------------------------------------------------ driver


def facts_of(stage: Substring, parts: Sequence[Sequence[Docs]]) -> list[dict[str, Any]]:
    """Metrics and new text of each document, in order."""
    rows = []
    for edits in run_global(stage, parts):
        for edited in edits:
            assert pa.struct([(name, values.type) for name, values in edited.metrics.items()]) == stage.metrics_type()
            values = {**edited.metrics, **edited.columns}
            rows += pa.RecordBatch.from_arrays(list(values.values()), names=list(values)).to_pylist()
    return rows


def spans_of(metrics: dict[str, Any]) -> list[Span]:
    return [(span["offset"], span["offset"] + span["length"]) for span in metrics["repeats"]]


def dated(texts: Sequence[str], dates: Sequence[int], first: int = 0) -> Docs:
    """Documents that were crawled at these seconds."""
    batch = documents(texts, first).batch
    column = pa.array([1000 * date for date in dates], batch.schema.field("date").type)
    return Docs(batch.set_column(batch.schema.get_field_index("date"), batch.schema.field("date"), column))


def in_parts(texts: Sequence[str], draw: random.Random, dates: Sequence[int] = ()) -> list[list[Docs]]:
    """The documents in order, in parts and batches of any size."""
    parts: list[list[Docs]] = []
    at = 0
    while at < len(texts) or not parts:
        size = draw.randint(1, max(1, len(texts) - at))
        some = slice(at, at + size)
        batch = dated(texts[some], (dates or range(len(texts)))[some], at)
        at += size
        if parts and draw.random() < 0.5:
            parts[-1].append(batch)
        else:
            parts.append([batch])
    return parts


# -------------------------------------------------------------------------------------------------------------- laws

few = st.text("ab .", max_size=30)
odd = st.text(
    st.sampled_from(
        "\r\U0001f1e9\U0001f1ea\u0e33\u094d\u0915\U0001f3fda\u0301\u00e9\u6f22\u5b57\U0001f600\u200d\uac01 \n.,-\u00df\u0130x\u3002!"
    ),
    max_size=30,
)
periodic = st.builds(
    lambda unit, times, tail: unit * times + tail, st.text("ab ", min_size=1, max_size=4), st.integers(1, 9), few
)
planted = st.builds(
    lambda a, shared, b: a + shared + b, few, st.just(" one Two, thr\u00e9e \u6f22\u5b57 four-five"), few
)
streams = st.lists(st.one_of(few, odd, periodic, planted), max_size=6)


stages = st.builds(
    Substring,
    unit=st.sampled_from(["gpt2", "words", "bytes"]),
    words=st.just("whitespace"),
    min_tokens=st.integers(1, 6),
    keep=st.sampled_from(["none", "first"]),
    align=st.sampled_from(["char", "word", "line", "sentence"]),
    normalise=st.booleans(),
)


@given(streams, stages, st.randoms())
@example(["a a a a a"], Substring(min_tokens=4), random.Random(1))
@example(["\U0001f600" * 9], Substring(min_tokens=3), random.Random(1))
@settings(max_examples=1000)
def test_cuts_what_brute_force_cuts(texts: list[str], stage: Substring, draw: random.Random) -> None:
    """For small alphabets, periodic runs and planted repeats, in any parts, the spans are those of the definition."""
    dates = draw.sample(range(len(texts)), len(texts))
    found = facts_of(stage, in_parts(texts, draw, dates))
    assert [spans_of(metrics) for metrics in found] == brute_force(stage, texts, dates)


@given(streams, stages)
@settings(max_examples=300)
def test_nothing_is_lost(texts: list[str], stage: Substring) -> None:
    """Bytes in are bytes kept and bytes cut, and the spans give the text before; both places of a span are right."""
    found = facts_of(stage, [[documents(texts)]])
    after = pa.array([metrics["text"] for metrics in found], pa.string())
    removed = pa.array([metrics["repeats"] for metrics in found], REPEATS)
    assert undo(after, removed).to_pylist() == texts
    for text, metrics in zip(texts, found, strict=True):
        before = len(text.encode())
        assert before == len(metrics["text"].encode()) + metrics["repeated"]
        assert metrics["repeated"] == sum(span["length"] for span in metrics["repeats"])
        assert metrics["spans"] == len(metrics["repeats"])
        assert metrics["share"] == (metrics["repeated"] / before if before else 0)
        assert metrics["chars_left"] == len(metrics["text"].strip())
        for span in metrics["repeats"]:
            assert text[span["char"] : span["char"] + span["chars"]] == span["text"]
            assert text.encode()[span["offset"] :][: span["length"]].decode() == span["text"]


@given(streams, stages)
@example([". \u0301\u00df\u00df"], Substring(min_tokens=1, align="sentence", normalise=False))
@settings(max_examples=300)
def test_nothing_is_cut_in_two(texts: list[str], stage: Substring) -> None:
    """No cut begins or ends inside what people see as one character, nor inside a word or a line that is not to be cut."""
    for text, metrics in zip(texts, facts_of(stage, [[documents(texts)]]), strict=True):
        inside = {place for match in regex.finditer(r"\X", text) for place in range(match.start() + 1, match.end())}
        for span in metrics["repeats"]:
            for place in (span["char"], span["char"] + span["chars"]):
                assert place not in inside
                before, after = text[:place], text[place:]
                if stage.align == "word" and before and after and (before[-1] + after[0]).isascii():
                    assert before[-1].isspace() or after[0].isspace()
                if stage.align == "line":
                    assert not before or not after or before[-1] in "\r\n"


of_words = stages.map(lambda stage: stage.model_copy(update={"unit": "words", "keep": "none", "normalise": False}))


@given(streams, of_words)
@settings(max_examples=300)
def test_no_copy_stays(texts: list[str], stage: Substring) -> None:
    """With ``keep: none`` no repeated window is in a piece of text between cuts."""
    counts = Counter(window for text in texts for window in windows_of(stage, text))
    for text, metrics in zip(texts, facts_of(stage, [[documents(texts)]]), strict=True):
        edges = [0, *(edge for span in metrics["repeats"] for edge in (span["char"], span["char"] + span["chars"]))]
        for start, end in zip(edges[::2], [*edges[1::2], len(text)], strict=True):
            assert all(counts[window] == 1 for window in windows_of(stage, text[start:end]))


@given(streams, of_words)
@settings(max_examples=300)
def test_a_copy_stays(texts: list[str], stage: Substring) -> None:
    """With ``keep: first`` every repeated window is still there at least once, unbroken."""
    stage = stage.model_copy(update={"keep": "first"})
    counts = Counter(window for text in texts for window in windows_of(stage, text))
    left = set()
    for text, metrics in zip(texts, facts_of(stage, [[documents(texts)]]), strict=True):
        edges = [0, *(edge for span in metrics["repeats"] for edge in (span["char"], span["char"] + span["chars"]))]
        for start, end in zip(edges[::2], [*edges[1::2], len(text)], strict=True):
            left.update(windows_of(stage, text[start:end]))
    assert left >= {window for window, count in counts.items() if count > 1}


@given(streams, stages, st.randoms())
@settings(max_examples=200)
def test_order_and_parts_do_not_matter(texts: list[str], stage: Substring, draw: random.Random) -> None:
    """A document is cut the same wherever it is."""
    order = draw.sample(range(len(texts)), len(texts))
    expected = facts_of(stage, [[dated(texts, range(len(texts)))]])
    shuffled = facts_of(stage, in_parts([texts[i] for i in order], draw, order))
    assert shuffled == [expected[i] for i in order]


@given(streams, stages)
@settings(max_examples=100)
def test_other_actions_leave_the_text(texts: list[str], stage: Substring) -> None:
    """Whatever the action, the same spans are found; only a cut changes the text and holds what was removed."""
    expected = facts_of(stage, [[documents(texts)]])
    for action in ("mask", "drop_partial", "drop_any"):
        for text, metrics, cut in zip(
            texts, facts_of(stage.model_copy(update={"action": action}), [[documents(texts)]]), expected, strict=True
        ):
            assert metrics["text"] == text
            assert undo(pa.array([text]), pa.array([metrics["repeats"]], REPEATS)).to_pylist() == [text]
            assert [(span.pop("text"), span.pop("cut")) for span in metrics["repeats"]] == [(None, False)] * metrics[
                "spans"
            ]
            assert all(span["cut"] for span in cut["repeats"])
            kept = [{k: v for k, v in span.items() if k not in ("text", "cut")} for span in cut["repeats"]]
            assert kept == metrics["repeats"]
            assert {k: v for k, v in metrics.items() if k not in ("text", "repeats")} == {
                k: v for k, v in cut.items() if k not in ("text", "repeats")
            }


# ---------------------------------------------------------------------------------------------------------- examples


def words(seed: int, count: int) -> str:
    """Made-up words that begin with one letter, another one for the next seed."""
    draw = random.Random(seed)
    return " ".join(f"{chr(97 + seed % 26)}{draw.randrange(1000)}" for _ in range(count))


def test_a_word_between_letters_goes_as_a_whole() -> None:
    """A repeat that ends within a word of a text without spaces takes the word, as the segmenter divides it."""
    texts = ["今天我们去北京玩。", "今天我们去北方看。"]
    for words, expected in (("segmented", ["今天我们去北京", "今天我们去北方"]), ("whitespace", ["今天我们去北"] * 2)):
        stage = Substring(unit="bytes", min_tokens=18, align="word", words=words, normalise=False, action="mask")
        found = facts_of(stage, [[documents(texts)]])
        spans = [[(span["char"], span["chars"]) for span in metrics["repeats"]] for metrics in found]
        assert [text[a : a + n] for text, [(a, n)] in zip(texts, spans, strict=True)] == expected
    assert "segmenter" in Substring(align="word").versions()
    assert "segmenter" not in Substring().versions()


def test_every_copy_goes() -> None:
    """A shared paragraph is cut from all documents that have it, and what is around it stays."""
    shared = words(0, 60)
    texts = [f"{words(i, 40)}\n\n{shared}\n\n{words(i + 60, 40)}" for i in range(1, 4)]
    for i, metrics in enumerate(facts_of(Substring(), [[documents([text], i)] for i, text in enumerate(texts)])):
        (span,) = metrics["repeats"]
        assert span["text"].strip() == shared
        assert metrics["text"] == texts[i].replace(span["text"], "")
        assert span["reason"] == "repeated"


def test_fifty_tokens_and_not_forty_nine() -> None:
    """A repeat of exactly min_tokens tokens is cut; one token less stays."""
    for count, spans in ((50, 1), (49, 0)):
        shared = " ".join(chr(97 + i % 26) for i in range(count))
        assert len(token_ids(pa.array([f" {shared}"]), MERGES)[0]) == count
        texts = [f"one {shared} and {words(1, 30)}", f"two {shared} or {words(2, 30)}"]
        assert [metrics["spans"] for metrics in facts_of(Substring(), [[documents(texts)]])] == [spans, spans]


def test_documents_are_not_joined() -> None:
    """A window never reaches from one document into the next, whatever follows it."""
    texts = ["a b c", "d e f", "a b c d e f"]
    found = facts_of(Substring(min_tokens=4), [[documents(texts)]])
    assert [metrics["spans"] for metrics in found] == [0, 0, 0]


def test_overlapping_copies_in_one_document() -> None:
    """A run of one word repeats itself as soon as two windows of it fit, and then goes as a whole."""
    for count, left in ((50, "start" + " word" * 50), (51, "start")):
        (metrics,) = facts_of(Substring(min_tokens=50), [[documents(["start" + " word" * count])]])
        assert metrics["text"] == left


def test_too_little_left() -> None:
    """Fewer than twenty characters left is a violation, white space at the ends not counted, with or without a cut."""
    stage = Substring(min_tokens=3)
    (rule,) = stage.rules()
    texts = ["a b c d e f", "x" * 19 + " " * 9, "x" * 20, "", "a b c d e f" + " y" * 12]
    found = facts_of(stage, [[documents(texts)]])
    left = pa.array([metrics["chars_left"] for metrics in found])
    assert rule.violated(left).to_pylist() == [True, True, False, True, True]
    assert stage.roles("threshold") == {"min_chars", "max_share"}


def test_null_text_is_empty() -> None:
    """A document without text has nothing to cut."""
    (metrics,) = facts_of(Substring(), [[documents([None])]])
    assert (metrics["text"], metrics["chars_left"], metrics["repeats"]) == ("", 0, [])


def test_odd_texts() -> None:
    """Long and strange texts that occur twice are cut whole, up to punctuation at their ends."""
    texts = [
        "x" * 100_000,
        "word " * 20_000 + ".",
        "\U0001f468\u200d\U0001f469" * 9,
        "\u05e9\u05dc " * 999,
        "e\u0301" * 99,
    ]
    found = facts_of(Substring(min_tokens=5), [[documents(texts)], [documents(texts)]])
    assert [metrics["text"].strip(" .") for metrics in found] == [""] * len(found)


LANGUAGES = {
    "Chinese": "\u6240\u6709\u6743\u5229\u4fdd\u7559\uff0c\u672a\u7ecf\u8bb8\u53ef\u4e0d\u5f97\u8f6c\u8f7d\u3002",
    "Russian": "\u0412\u0441\u0435 \u043f\u0440\u0430\u0432\u0430 \u0437\u0430\u0449\u0438\u0449\u0435\u043d\u044b \u0437\u0430\u043a\u043e\u043d\u043e\u043c \u0438 \u0441\u0443\u0434\u043e\u043c",
    "Arabic": "\u062c\u0645\u064a\u0639 \u0627\u0644\u062d\u0642\u0648\u0642 \u0645\u062d\u0641\u0648\u0638\u0629 \u0644\u0646\u0627 \u0648\u0644\u0643\u0645",
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd \U0001f600\U0001f601\U0001f602",
    "marks": "cafe\u0301 nai\u0308ve re\u0301sume\u0301 a\u030a\u0323 o\u0302\u0301 u\u0308\u0304",
    "newlines": "one two\r\nthree four\nfive six\rseven eight\r\n\r\nnine ten",
}


@pytest.mark.parametrize("name", list(LANGUAGES))
@pytest.mark.parametrize("unit", ["gpt2", "words", "bytes"])
def test_languages(name: str, unit: Any) -> None:
    """What several texts share is found at the right bytes and characters, and the text is rebuilt from what is cut."""
    shared = LANGUAGES[name]
    texts = [f"x\u00e9 {words(1, 9)} {shared} y", f"{words(2, 5)} \u6f22\u5b57 {shared} \U0001f600 z", words(3, 20)]
    least = {"gpt2": 4, "words": 1 if name == "Chinese" else 4, "bytes": 12}
    stage = Substring(unit=unit, min_tokens=least[unit])
    found = facts_of(stage, [[documents(texts)]])
    for text, metrics in zip(texts[:2], found, strict=False):
        cut = "".join(span["text"] for span in metrics["repeats"])
        assert len(cut.strip()) > len(shared) / 2, (shared, metrics["repeats"])
        assert not found[2]["repeats"]
        for span in metrics["repeats"]:
            assert text[span["char"] : span["char"] + span["chars"]] == span["text"]
            assert text.encode()[span["offset"] : span["offset"] + span["length"]].decode() == span["text"]
        after = pa.array([metrics["text"]], pa.string())
        assert undo(after, pa.array([metrics["repeats"]], REPEATS)).to_pylist() == [text]


def test_no_documents() -> None:
    """A part may be empty."""
    assert len(facts_of(Substring(min_tokens=1), [[documents([])], [documents(["a"])]])) == 1


def test_second_scan_finds_new_repeats_only() -> None:
    """No window that was found before cutting is left, but where a cut made two pieces meet."""
    draw = random.Random(1)
    shared = [words(1000 + i, 30) for i in range(20)]
    texts = []
    for i in range(60):
        pieces = [words(i * 10 + j, draw.randrange(5, 60)) for j in range(4)]
        pieces[draw.randrange(4)] += " " + draw.choice(shared)
        texts.append("\n\n".join(pieces))
    stage = Substring(min_tokens=20)
    first = facts_of(stage, [[documents(texts)]])
    cut = {span["text"].strip() for metrics in first for span in metrics["repeats"]}
    kept = "\x00".join(metrics["text"] for metrics in first)
    assert sum(metrics["spans"] for metrics in first) >= 50
    assert not any(text in kept for text in cut)
    assert [metrics["spans"] for metrics in facts_of(stage, [[documents([metrics["text"] for metrics in first])]])] == [
        0
    ] * 60


def test_many_copies_are_linear() -> None:
    """Two thousand copies of one page are cut one by one, not pair by pair."""
    found = facts_of(Substring(), [[documents([words(1, 100)] * 2000)]])
    assert {metrics["chars_left"] for metrics in found} == {0}
