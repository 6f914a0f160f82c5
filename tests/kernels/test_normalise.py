"""Normalised text, and the map from it back to the original."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given, settings, strategies as st

from refinery.kernels import normalise
from refinery.kernels.reference.normalise import alignment, characters

ODD = (
    "\u0301\u0344\u20e3\u200d\ufe0f\u0323\u302e\U0001d165\u0915\u094d\u093f"  # marks, joiners, vowel signs
    "\u0130\u00df\u1e9e\ufb01\uac01\u1100\u1161\u03a3\u03c2\u00e9\u212b\u2260"  # letters that change their length
    "\u0000\u001c\u0085\u00a0\u3000\u2028 \n\t_-'.\u00bf\u037e\U0001f468\U0001f3fd$+<eAB"
)

texts = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=40)


def one(text: str) -> str:
    return str(normalise(pa.array([text]))[0].as_py())


def is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me") or unicodedata.combining(character) != 0


def naive(text: str) -> str:
    """The steps of G.3.1, one after another over the whole text."""
    text = "".join(c for c in text if not unicodedata.category(c).startswith("P"))
    text = "".join(c.lower() for c in text)
    text = unicodedata.normalize("NFD", text)
    text = "".join(c for c in text if not is_mark(c))
    return " ".join(text.split())


def units_of(text: str) -> list[tuple[int, int, int]]:
    return [(u["normal"], u["start"], u["end"]) for u in alignment(pa.array([text]))[0].as_py()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Crème,\n\n BRÛLÉE! ", "creme brulee"),
        ("don't well-known a - b", "dont wellknown a b"),
        ("$5 + 3 < 9", "$5 + 3 < 9"),
        ("İstanbul Straße ﬁn", "istanbul straße ﬁn"),
        ("ΟΔΟΣ", "οδοσ"),
        ("a\x00b", "a\x00b"),
        ("e\u0301", "e"),
        ("...", ""),
        ("", ""),
    ],
)
def test_examples(text: str, expected: str) -> None:
    """Case, accents, punctuation and white space do not matter; symbols and control characters do."""
    assert one(text) == expected


def test_hangul_comes_apart() -> None:
    """A syllable is normalised to its letters."""
    assert one("각") == "\u1100\u1161\u11a8"


@given(texts)
@settings(max_examples=200)
def test_equals_the_steps_over_the_whole_text(text: str) -> None:
    """Looking at one character at a time gives what the five steps give."""
    assert one(text) == naive(text)


def test_every_character_is_normal_after_one_pass() -> None:
    """Normalising twice changes nothing, for each code point that is not in a plane without characters."""
    codes = (*range(0xD800), *range(0xE000, 0x33000), *range(0xE0000, 0xE0200))
    everything = "\n".join(map(chr, codes))
    once = one(everything)
    assert once == naive(everything)
    assert one(once) == once


def test_null_is_empty() -> None:
    """A null text is normalised to the empty text and has no units."""
    texts = pa.array([None, "a"], pa.string())
    assert normalise(texts).to_pylist() == ["", "a"]
    assert alignment(texts).to_pylist()[0] == []
    assert characters(texts).to_pylist()[0] == []


@given(texts)
@example("\u0301a")
@example(" - \u0301")
@example("a. \u0301.b")
@settings(max_examples=300)
def test_each_unit_is_what_its_original_is_normalised_to(text: str) -> None:
    """Unit by unit the original gives the normalised text, and between units there is nothing that counts."""
    data, normal = text.encode(), one(text).encode()
    last_normal = last_end = 0
    for end_in_normal, start, end in units_of(text):
        piece = normal[last_normal:end_in_normal].decode()
        original = data[start:end].decode()
        assert last_end <= start < end
        assert one(data[last_end:start].decode()) == ""
        assert one(original) == piece if piece != " " else original[0].isspace() and one(original) == ""
        last_normal, last_end = end_in_normal, end
    assert last_normal == len(normal)
    assert one(data[last_end:].decode()) == ""


@given(texts)
@settings(max_examples=100)
def test_whole_document_maps_to_whole_document(text: str) -> None:
    """The first to the last unit is the document, up to punctuation, white space and marks at its ends."""
    units = units_of(text)
    if not units:
        assert one(text) == ""
        return
    data = text.encode()
    inside = data[units[0][1] : units[-1][2]].decode()
    assert one(inside) == one(text)
    core = inside.rstrip("".join(c for c in set(inside) if is_mark(c)))
    for edge in (inside[0], core[-1]):
        assert not edge.isspace()
        assert not unicodedata.category(edge).startswith("P")


@given(texts)
@settings(max_examples=100)
def test_no_mark_loses_its_letter(text: str) -> None:
    """What follows a unit is never a mark: it belongs to the unit."""
    data = text.encode()
    for _, _, end in units_of(text):
        assert not is_mark((data[end:].decode() or "x")[0])


@given(st.lists(texts, max_size=4))
@settings(max_examples=50)
def test_texts_do_not_touch(batch: list[str]) -> None:
    """A text gives the same alone, in a batch and in a slice of one."""
    array = pa.array(["before", *batch], pa.string()).slice(1)
    assert normalise(array).to_pylist() == [one(text) for text in batch]
    assert alignment(array).to_pylist() == [alignment(pa.array([text]))[0].as_py() for text in batch]


@given(texts)
@settings(max_examples=50)
def test_units_of_unnormalised_text_are_its_characters(text: str) -> None:
    """Every code point is a unit that maps to itself."""
    data = text.encode()
    units = characters(pa.array([text]))[0].as_py()
    assert [data[unit["start"] : unit["end"]].decode() for unit in units] == list(text)
    assert all(unit["normal"] == unit["end"] for unit in units)
