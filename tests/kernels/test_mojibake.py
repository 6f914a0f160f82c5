"""Laws of the search for misread UTF-8: whatever ftfy would repair is found, in bounded segments, by both kernels."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import mojibake_segments
from refinery.kernels.reference import mojibake as twin
from refinery.kernels.reference.mojibake import CODECS, REACH, SEGMENTS

PIECES = st.sampled_from(
    [
        "Ã©",
        "â€™",
        "РџСЂ",
        "Î±",
        "Ã",
        "Â",
        " ",
        "é",
        "â",
        "à",
        "\x80",
        "\x9f",
        "\xa0",
        "\xad",
        "<",
        ">",
        "\n",
        "a",
        "日",
        "ð",
    ]
) | st.text(max_size=3)
TEXTS = st.lists(PIECES, max_size=30).map("".join)


def segments(text: str) -> list[str]:
    data = text.encode()
    return [data[span["start"] : span["end"]].decode() for span in mojibake_segments(pa.array([text]))[0].as_py()]


def misread(text: str, codec: str) -> str:
    """UTF-8 as a lenient reader of the charset has it: bytes without a character are control characters."""
    found = []
    for byte in text.encode():
        try:
            found.append(bytes([byte]).decode(codec))
        except UnicodeDecodeError:
            found.append(chr(byte))
    return "".join(found)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("text", ["é", "ß", "’", "…", "П", "α", "日本", "😀", "ع"])
def test_every_misread_character_is_found(codec: str, text: str) -> None:
    """A character of two, three or four bytes, read as each of the charsets."""
    assert segments(f"<p>so {misread(text, codec)} it is</p>") == [f"so {misread(text, codec)} it is"]


@pytest.mark.parametrize(
    "text", ["plain", "déjà vu", "Привет, мир", "καλημέρα", "日本語", "\u201cso\u201d \u2013 on", "Ähnlich", ""]
)
def test_ordinary_text_has_no_segments(text: str) -> None:
    """Letters, dashes and quotation marks as they are written."""
    assert segments(text) == []


@given(TEXTS)
@settings(max_examples=200)
def test_segments_are_in_order_and_within_their_lines(text: str) -> None:
    """They hold whole characters, no line end and no bracket, and do not overlap."""
    end = 0
    for span in mojibake_segments(pa.array([text]))[0].as_py():
        assert end <= span["start"] < span["end"]
        end = span["end"]
        inside = text.encode()[span["start"] : end].decode()
        assert not set("<>\n") & set(inside)


@pytest.mark.parametrize("piece", ["Ã©", "Ã© ", "\x80", "Â ", "é", "x", "x" * 5000 + "Ã©", "日" * 999 + "Ã©"])
def test_long_lines_are_cut_as_by_the_twin(piece: str) -> None:
    """A segment reaches no further than ``REACH`` to either side, and both kernels cut at the same characters."""
    array = pa.array([piece * (60_000 // len(piece))])
    found = mojibake_segments(array)
    assert found.type == SEGMENTS
    assert found.equals(twin.mojibake_segments(array))
    assert all(span["end"] - span["start"] <= 2 * REACH + 8 for span in found[0].as_py())


def test_real_texts_are_searched_as_by_the_twin(corpus: Path) -> None:
    """The main texts of pages in many languages."""
    with gzip.open(corpus / "pages" / "truth.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = pa.array([json.loads(line)["gold_text"] for line in islice(stream, 500)])
    assert mojibake_segments(texts).equals(twin.mojibake_segments(texts))


def test_what_is_no_text_is_refused() -> None:
    """Other types raise TypeError, never a panic."""
    native = pytest.importorskip(
        "refinery.kernels.native_mojibake", reason="the native kernels are not built", exc_type=ImportError
    )
    with pytest.raises(TypeError):
        native.mojibake_segments(pa.array([1]))
