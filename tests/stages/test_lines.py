"""The line stage: the paper's four kinds of junk, its phrases, and the 5 % rule."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from refinery.assets import Asset
from refinery.errors import AssetError
from refinery.kernels import undo
from refinery.recipe import Step
from refinery.recipe.columns import flows
from refinery.stage.base import Edit, Edited, Stage
from refinery.stage.documents import LANG, PROTECTED, TEXT, TOKENS, Docs
from refinery.stages._phrases import languages, load, phrases_of
from refinery.stages.lines import Lines
from refinery.task.step import StepProcessor
from refinery.task.tasks import StepRun
from tests.stages.verdicts import docs, edited, failed, main_texts, metrics


def article(words: int) -> str:
    sentence = "the river rose past the old mills of stone last night again"
    return "\n\n".join([sentence] * (words // 12) + ["word " * (words % 12) + "."] * bool(words % 12))


def after(text: str, stage: Lines | None = None) -> str:
    result: str = edited(stage or Lines(), docs(text)).columns["text"][0].as_py()
    return result


def test_a_long_article_loses_its_junk_and_stays() -> None:
    """Three junk lines in 10,000 words are gone from the text, and the document is kept."""
    text = article(10_000)
    dirty = f"HOME NEWS SPORT\n\n{text}\n\n3 likes\n\nShare"
    assert after(dirty) == text
    assert failed(Lines(), dirty) == [[]]


def test_a_short_page_with_one_flagged_line_goes() -> None:
    """Four words of sixty are 6.7 %, more than a document may lose."""
    text = f"{article(56)[:-2]}\nABOUT US AND MORE"
    assert len(text.split()) == 60
    assert metrics(Lines(), text)["removed_words"] == pytest.approx(4 / 60)
    assert failed(Lines(), text) == [["too_much_removed"]]
    assert failed(Lines(max_removed=4 / 60), text) == [[]]


@pytest.mark.parametrize("phrase", ["Read more...", "Read more…", "Read more", "read more »", "Continue reading →"])
def test_phrases_at_the_end_are_found_with_any_dots(phrase: str) -> None:
    """A short line loses "Read more" with three dots, one ellipsis, or none; a line of eleven words is left alone."""
    assert after(f"The river rose last night. {phrase}") == "The river rose last night."
    long = f"the river rose past the old mills of stone {phrase}"
    assert after(long) == (long if len(long.split()) > 10 else "")


def test_the_two_readings_of_five_percent_differ_by_edits() -> None:
    """Removed words count the phrase, flagged words the whole line it was cut from; the threshold applies to the first."""
    text = f"{article(96)}\nThe river rose last night. Read more"
    measured = metrics(Lines(), text)
    assert measured["removed_words"] == 2 / 103
    assert measured["flagged_words"] == 7 / 103
    assert failed(Lines(), text) == [[]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sign-in: the whole story", "the whole story"),
        ("You have 2 items in cart. So pay now", "You have 2 So pay now"),
        ("Sign-in to read the whole story", "Sign-in to read the whole story"),
        ("register your product on this page", "register your product on this page"),
        ("To see the whole of it click here", "To see the whole of it click here"),
    ],
)
def test_the_phrases_of_the_file_are_used(text: str, expected: str) -> None:
    """The paper's examples are cut where they stand alone; words that open or close sentences are not among the phrases."""
    assert after(text) == expected


def test_uppercase_share_and_short_line_are_fields() -> None:
    """What is mostly uppercase and what is short can be set; both change what is measured, the 5 % do not."""
    assert after("ABOUT us", Lines(max_uppercase=0.8)) == "ABOUT us"
    assert after("The story. Read more", Lines(short_line=3)) == "The story. Read more"
    assert Lines.roles("threshold") == {"max_removed", "thresholds"}


def test_shares_of_all_characters() -> None:
    """Spaces, digits and marks count in the share of uppercase letters, and in lines of numbers."""
    text = "ABC 12 34 go\n1,234\n1234\nABC DEF"
    assert after(text, Lines(discard=("uppercase", "numeric"))) == ""
    assert after(text, Lines(discard=("uppercase", "numeric"), share_of="characters")) == "ABC 12 34 go\n1,234"


def test_rules_are_switched_one_by_one() -> None:
    """Rules that are not listed are off; the order of the others makes no other stage."""
    text = "Conclusion\nABOUT US NOW\nThe story goes on. Read more"
    assert after(text, Lines(discard=("uppercase",), cut=())) == "Conclusion\nThe story goes on. Read more"
    assert after(text, Lines(discard=(), cut=("end",))) == "Conclusion\nABOUT US NOW\nThe story goes on."
    assert Lines(discard=("one_word", "counter", "one_word")) == Lines(discard=("counter", "one_word"))


def test_marked_code_stays() -> None:
    """Spans that an earlier stage marks as code or table are left alone; null marks nothing."""
    batch = docs("Some words here.\n}\nEND", "Some words here.\n}\nEND")
    marks = pa.array([[{"start": 17, "end": 22, "kind": "code"}], None], PROTECTED.type)
    texts = edited(Lines(), batch.with_columns({PROTECTED.name: marks})).columns["text"].to_pylist()
    assert texts == ["Some words here.\n}\nEND", "Some words here."]


class Marker(Edit):
    """Mark the second line of each text as code."""

    name: ClassVar = "marker"
    version: ClassVar = 1
    adds: ClassVar = (PROTECTED,)

    def edit(self, docs: Docs) -> Edited:
        lines = [text.encode().split(b"\n") for text in docs.texts()]
        spans = [[{"start": len(a) + 1, "end": len(a) + 1 + len(b), "kind": "code"}] for a, b, *_ in lines]
        return Edited({PROTECTED.name: spans})


def test_marks_reach_lines_and_end_with_the_text() -> None:
    """Any stage before it can mark spans; the column does not outlive the text whose places it holds."""
    source = type("Given", (Stage,), {"name": "given", "version": 1, "adds": (TEXT, TOKENS)})()
    steps = [Step("given", source), Step("marker", Marker()), Step("lines", Lines(max_removed=1))]
    marked, corrected = flows(steps)[1:]
    assert PROTECTED.name in corrected.given.names
    assert PROTECTED.name not in corrected.passed.names
    runs = [StepRun(step, flow) for step, flow in zip(steps[1:], (marked, corrected), strict=True)]
    batch = docs("Some words here.\nCODE\nEND").with_columns({TOKENS.name: pa.array([0], TOKENS.type)})
    for run in runs:
        batch = StepProcessor(run).process(batch).kept
    assert batch.texts() == ["Some words here.\nCODE"]


def test_other_phrases_are_another_file(tmp_path: Path) -> None:
    """A file of phrases is given by its path, and its content is part of what the stage is."""
    file = tmp_path / "de.toml"
    file.write_text('end = ["Weiterlesen"]\ncounted = ["Aufrufe"]\n', encoding="utf-8")
    stage = Lines(phrases=Asset(str(file)))
    assert after("Der Fluss stieg in der Nacht. weiterlesen …\n12 Aufrufe", stage) == "Der Fluss stieg in der Nacht."
    assert isinstance(stage.phrases, Asset)
    assert len(stage.phrases.digest()) == 64


IN_MANY = [
    ("de", "Der Fluss stieg. Weiterlesen", "Der Fluss stieg."),
    ("ja", "3件のコメント\n川は昨夜また上昇した。", "川は昨夜また上昇した。"),
    ("xx", "The river rose. Read more\nABOUT US", "The river rose. Read more"),
    (None, "The river rose. Read more", "The river rose."),
    ("en", "The river rose. Weiterlesen", "The river rose. Weiterlesen"),
    ("de", "Ein Satz steht hier.", "Ein Satz steht hier."),
    ("ko", "댓글 3개\n강은 어젯밤 다시 불어났다.", "강은 어젯밤 다시 불어났다."),
    ("en", "The river rose. Read more", "The river rose."),
]


@pytest.mark.parametrize("turn", range(3))
def test_phrases_are_those_of_the_document_language(turn: int) -> None:
    """English ones where it is unknown, none where it has no file; the order of a batch changes nothing."""
    rows = IN_MANY[turn * 3 :] + IN_MANY[: turn * 3]
    codes, texts, expected = (list(column) for column in zip(*rows, strict=True))
    batch = docs(*texts).with_columns({LANG.name: pa.array(codes, LANG.type)})
    stage = Lines(discard=("uppercase", "numeric", "counter"))
    assert edited(stage, batch).columns["text"].to_pylist() == expected
    english = edited(Lines(discard=("uppercase",), phrases=Asset("lines.en")), batch).columns["text"].to_pylist()
    assert english[codes.index("xx")] == "The river rose."


@pytest.mark.parametrize("code", languages())
def test_phrases_of_a_language_are_usable(code: str) -> None:
    """In NFC, each once, and each cut or discarded where it is a line of its own."""
    phrases = phrases_of(code)
    places = (phrases.start, phrases.end, phrases.anywhere, phrases.counted)
    assert all(len(set(place)) == len(place) >= 10 for place in places)
    written = [phrase for place in places for phrase in place]
    assert written == [unicodedata.normalize("NFC", phrase) for phrase in written]
    counters = [given.replace("#", "12") if "#" in given else f"12 {given}" for given in phrases.counted]
    lines = [*phrases.start, *phrases.end, *phrases.anywhere, *counters]
    batch = docs(*lines).with_columns({LANG.name: pa.array([code] * len(lines), LANG.type)})
    left = edited(Lines(discard=("counter",)), batch).columns["text"].to_pylist()
    assert [line for line, text in zip(lines, left, strict=True) if text] == []


@pytest.mark.parametrize("content", ["end = 3", "ende = []", "end = [", b"\xff"])
def test_a_malformed_file_of_phrases_is_an_error(tmp_path: Path, content: str | bytes) -> None:
    """A file that is no TOML, or has other fields, raises AssetError that names it."""
    file = tmp_path / "bad.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(AssetError, match=r"bad\.toml is no file of phrases"):
        load(Asset(str(file)))


@pytest.mark.parametrize("text", ["", None, "\n\n", "   "])
def test_a_text_without_words_violates_nothing(text: str | None) -> None:
    """Nothing can be removed from nothing."""
    assert failed(Lines(), text) == [[]]


def test_real_pages_can_be_had_back_and_lose_little(corpus: Path) -> None:
    """On main texts of real pages the edit can be undone, a second pass is idle, and under a tenth is removed."""
    texts = docs(*main_texts(corpus, 300))
    once = edited(Lines(), texts)
    text = pa.array(once.columns["text"])
    assert undo(text, once.metrics["removed"]).equals(texts.column("text"))
    assert edited(Lines(), docs(*text.to_pylist())).columns["text"].equals(text)
    assert sum(share > 0.05 for share in once.metrics["removed_words"].to_pylist()) < 30
