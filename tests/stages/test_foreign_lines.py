"""Laws of ``foreign_lines``: what is certainly in another language goes, and can be put back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery import LANG, PROTECTED, Docs
from refinery.kernels import SPANS, undo
from refinery.stages.foreign_lines import ForeignLines
from refinery.stages.language import Language
from tests.stages.verdicts import docs, edited

GERMAN = "Die Stadt liegt an einem Fluss, und die Leute gehen am Abend gern am Ufer spazieren."
ENGLISH = "The town lies on a river, and its people like to walk along the bank in the evening."
FRENCH = "La ville se trouve au bord d'une rivière, et les gens aiment s'y promener le soir."
CROATIAN = "Grad leži na rijeci, a ljudi navečer rado šetaju obalom i razgovaraju o vremenu."
SERBIAN = "Grad leži na reci, a ljudi uveče rado šetaju obalom i razgovaraju o vremenu."
CHINESE = "这座城市位于河边，人们喜欢晚上在岸边散步，谈论天气和邻居们的生活，直到夜深人静才慢慢地走回自己的家里去休息。"


def batch(texts: Sequence[str], language: str | None) -> Docs:
    """Documents of one language."""
    return docs(*texts).with_columns({LANG.name: pa.array([language] * len(texts), pa.string())})


def cut(text: str, language: str | None = "de", **fields: Any) -> tuple[str, list[tuple[str, str]]]:
    """The text after the stage, and each span with its reason."""
    result = edited(ForeignLines(**fields), batch([text], language))
    spans = pa.array(result.metrics["removed"])[0].as_py()
    return result.columns["text"][0].as_py(), [(span["reason"], span["text"]) for span in spans]


def test_a_foreign_line_goes_with_its_newline() -> None:
    """First, between others, and last; its language is the reason."""
    assert cut(f"{ENGLISH}\n{GERMAN}") == (GERMAN, [("en", f"{ENGLISH}\n")])
    assert cut(f"{GERMAN}\n{FRENCH}\n{GERMAN}") == (f"{GERMAN}\n{GERMAN}", [("fr", f"{FRENCH}\n")])
    assert cut(f"{GERMAN}\n\n{CHINESE}") == (f"{GERMAN}\n", [("zh", f"\n{CHINESE}")])


def test_what_is_short_close_or_unknown_stays() -> None:
    """A short line, a language of the same group, and all of a document without a language that the model has."""
    short = f"{GERMAN}\nRead the whole story here."
    assert cut(short) == (short, [])
    assert cut(short, min_letters=10, min_score=0.5)[0] == GERMAN
    close = f"{SERBIAN}\n{CROATIAN}"
    for language in ("hr", "sr", "bs"):
        assert cut(close, language) == (close, [])
    for missing in (None, "none", "xx"):
        assert cut(f"{GERMAN}\n{ENGLISH}", missing)[1] == []


def test_marked_code_stays() -> None:
    """A line that touches a span of code or a table is left alone, its neighbours are not, and the span moves along."""
    lines = [FRENCH, ENGLISH, GERMAN, ENGLISH, CHINESE]
    starts = [len("\n".join([*lines[:number], ""]).encode()) for number in range(5)]
    spans = [{"start": starts[number] + 3, "end": starts[number] + 9, "kind": "code"} for number in (1, 2)]
    batched = batch(["\n".join(lines), GERMAN], "de")
    result = edited(ForeignLines(), batched.with_columns({PROTECTED.name: pa.array([spans, None], PROTECTED.type)}))
    [after, same] = result.columns["text"].to_pylist()
    assert (after, same) == (f"{ENGLISH}\n{GERMAN}", GERMAN)
    [moved, none] = result.columns[PROTECTED.name].to_pylist()
    assert [after.encode()[span["start"] : span["end"]].decode() for span in moved] == [ENGLISH[3:9], GERMAN[3:9]]
    assert not none


def test_a_document_that_loses_most_is_removed() -> None:
    """By characters; the threshold is a field."""
    measured = edited(
        ForeignLines(), batch([f"{GERMAN}\n{ENGLISH}\n{ENGLISH}", f"{GERMAN}\n{GERMAN}\n{ENGLISH}"], "de")
    )
    [rule] = ForeignLines().rules()
    assert rule.violated(measured.metrics[rule.metric]).to_pylist() == [True, False]
    assert pa.array(measured.metrics["cut_lines"]).to_pylist() == [2, 1]


LINES = st.sampled_from([GERMAN, ENGLISH, FRENCH, CHINESE, "", "x", "\r", "Ärger " * 9, "\u0e01" * 50])


@given(st.lists(LINES, max_size=6).map("\n".join), st.sampled_from(["de", "en", "zh", None]))
def test_a_cut_can_be_undone(text: str, language: str | None) -> None:
    """The spans give the text before, and what stays has no foreign line of its own."""
    result = edited(ForeignLines(), batch([text], language))
    removed = pa.array(result.metrics["removed"], SPANS)
    assert undo(result.columns["text"], removed).to_pylist() == [text]
    assert pa.array(result.metrics["cut_lines"])[0].as_py() == len(removed[0])
    assert cut(result.columns["text"][0].as_py(), language)[1] == []


@pytest.mark.parametrize("model", ["languages.ftz", "lid.176.ftz"])
def test_its_languages_are_those_of_the_stage_language(model: str) -> None:
    """A line that is identified as the document's language stays, with any model."""
    for text in (GERMAN, ENGLISH, FRENCH, CHINESE):
        code = edited(Language(keep="all", model=model), docs(text)).metrics["lang"][0].as_py()
        assert cut(f"{text}\n{text}", code, model=model)[1] == []
