"""The native tokenizer gives tiktoken's ids, id for id."""

from __future__ import annotations

import gzip
import json
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tiktoken
from hypothesis import example, given, settings, strategies as st

from refinery.assets import Asset
from refinery.kernels import _native, native_bpe
from refinery.kernels.reference import bpe
from tests.kernels.natives import native

MERGES = Asset("gpt2.bpe").path()
CODES = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]

# Letters, numbers, spaces and signs of one to four bytes, with the ends of contractions.


def same(array: pa.StringArray, merges: str = MERGES) -> None:
    """Both give the same ids, and their number."""
    found, expected = native.token_ids(array, merges), bpe.token_ids(array, merges)
    found.validate(full=True)
    assert found.type == expected.type
    assert found.equals(expected)
    counts = native.count_tokens(array, merges)
    assert counts.equals(bpe.count_tokens(array, merges))


@given(st.text("'sStTmdDlrvea \n.1", max_size=30))
@example("'s's 't I'll 'll ''re'sx 'VE 'l 'r")
@settings(max_examples=300)
def test_contractions(text: str) -> None:
    """Apostrophes are contractions where a piece begins, and signs elsewhere."""
    same(pa.array([text]))


def test_every_character() -> None:
    """Letters, numbers, white space and some of the other code points have the ids of the twin beside any neighbour."""
    classes = native_bpe.character_classes()
    some = [chr(code) for code in CODES if classes[code] or code < 0x3000 or code % 31 == 0]
    text = "".join(f"a{character}1{character} {character}.{character}\n" for character in some)
    same(pa.array([text[start : start + 1_000_000] for start in range(0, len(text), 1_000_000)]))


@pytest.mark.parametrize(
    ("pattern", "number"), [(r"\p{L}", native_bpe.LETTER), (r"\p{N}", native_bpe.NUMBER), (r"\s", native_bpe.SPACE)]
)
def test_classes_are_a_partition(pattern: str, number: int) -> None:
    """A code point outside a class is one that tiktoken's complement of the class finds."""
    complement = pattern[:1] + pattern[1].upper() + pattern[2:]
    others = set(native_bpe._matched(complement).tolist())
    classes = native_bpe.character_classes()
    assert [code for code in CODES if code not in others] == [code for code in CODES if classes[code] == number]


@st.composite
def vocabularies(draw: st.DrawFn) -> list[bytes]:
    """Single bytes and random words of few letters in any order: a word may well come before its parts."""
    words = draw(st.lists(st.text("abc ", min_size=2, max_size=6), unique=True, max_size=30))
    tokens = [bytes([byte]) for byte in range(256)] + [word.encode() for word in words]
    return draw(st.permutations(tokens)) if draw(st.booleans()) else tokens


@given(vocabularies(), st.lists(st.text("abc ", max_size=24).flatmap(lambda t: st.sampled_from([t, t * 30]))))
@settings(max_examples=100)
def test_any_vocabulary(tokens: list[bytes], texts: list[str]) -> None:
    """Short and long pieces merge as tiktoken merges them, whatever the tokens and the order of their ranks."""
    ranks = {token: rank for rank, token in enumerate(tokens)}
    twin = tiktoken.Encoding("any", pat_str=bpe._PIECES, mergeable_ranks=ranks, special_tokens={})
    tokenizer = _native.Tokenizer(pa.array(tokens, pa.binary()), native_bpe.character_classes())
    found = pa.array(tokenizer.token_ids(pa.array(texts, pa.string()))).to_pylist()
    assert found == [twin.encode_ordinary(text) for text in texts]


@pytest.mark.parametrize("size", [14, 15, 16, 17, 63, 64, 65, 66, 1_000])
def test_lengths_where_the_method_changes(size: int) -> None:
    """Pieces of any length, of bytes that tokens span and of others, are merged as by the twin."""
    draw = random.Random(size)
    alphabets = ("a", "etaoin", "=-", " ", "\n ", "0123456789", "éà", "漢字之一", "かなンー", "\U0001f600\u200d", "ÃÂ")
    texts = [
        "".join(draw.choice(letters) for _ in range(size + extra)) for letters in alphabets for extra in range(-1, 2)
    ]
    same(pa.array([*texts, *("x" + text for text in texts), *(text + "x" for text in texts)]))


def test_special_tokens_are_text() -> None:
    """What other tokenizers treat as a command is text."""
    same(pa.array(["<|endoftext|>", "a<|endoftext|>b", " <|endoftext|><|endofprompt|> <|fim_prefix|>\n"]))


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_real_texts(corpus: Path) -> None:
    """Texts of real pages in twenty languages have the ids of the twin."""
    languages = {page["url"]: page.get("lang") for page in _lines(corpus / "pages" / "manifest.jsonl.gz")}
    texts: dict[str, list[str]] = {}
    for page in _lines(corpus / "pages" / "truth.jsonl.gz"):
        if page.get("gold_text"):
            texts.setdefault(languages[page["url"]], []).append(page["gold_text"])
    assert len(texts) >= 15
    for some in texts.values():
        same(pa.array(some[:200]))


MEGABYTE = 1_000_000
HOSTILE = {
    "one letter": "a" * MEGABYTE,
    "random letters": "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=MEGABYTE)),
    "spaces": " " * MEGABYTE + "b",
    "spaces and lines": " \n" * (MEGABYTE // 2) + ".",
    "signs": "=-" * (MEGABYTE // 2),
    "apostrophes": "'" * MEGABYTE,
    "contractions": "'s" * (MEGABYTE // 2),
    "chinese": "".join(random.Random(1).choices("的一是不了人我在有他这为之大来以个中上们", k=MEGABYTE // 3)),
    "new words": " ".join(map(str, range(10**5, 10**5 + MEGABYTE // 7))),
    "a long token": "ÃÂ" * (MEGABYTE // 4),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_linear_time(name: str) -> None:
    """A megabyte without a space, or of words never seen before, has the ids of the twin and takes no second."""
    array = pa.array([HOSTILE[name]])
    began = time.process_time()
    native.count_tokens(array, MERGES)
    assert time.process_time() - began < 1
    same(array)


def test_threads_share_a_tokenizer() -> None:
    """Calls at the same time give what one call gives."""
    draw = random.Random(5)
    words = [bytes(draw.choices(b"etaoinshrdlu", k=draw.randint(1, 20))).decode() for _ in range(5_000)]
    array = pa.array([" ".join(draw.choices(words, k=2_000)) for _ in range(20)])
    expected = native.token_ids(array, MERGES)
    with ThreadPoolExecutor(4) as pool:
        assert all(found.equals(expected) for found in pool.map(native.token_ids, [array] * 12, [MERGES] * 12))


NOT_UTF8 = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xffb"))
CLASSES = native_bpe.character_classes()
SINGLE = [bytes([byte]) for byte in range(256)]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: native.token_ids(NOT_UTF8, MERGES), ValueError),
        (lambda: native.count_tokens(NOT_UTF8, MERGES), ValueError),
        (lambda: native.token_ids(pa.array(["a"], pa.large_string()), MERGES), TypeError),
        (lambda: native.token_ids(["a"], MERGES), AttributeError),
        (lambda: native.token_ids(pa.array(["a"]), "/no/such/file"), OSError),
        (lambda: _native.Tokenizer(pa.array(SINGLE[1:]), CLASSES), ValueError),
        (lambda: _native.Tokenizer(pa.array([*SINGLE, b"a"]), CLASSES), ValueError),
        (lambda: _native.Tokenizer(pa.array([*SINGLE, None]), CLASSES), ValueError),
        (lambda: _native.Tokenizer(pa.array([*SINGLE, *(b"%08d" % i for i in range(2**16))]), CLASSES), ValueError),
        (lambda: _native.Tokenizer(pa.array(["a"]), CLASSES), TypeError),
        (lambda: _native.Tokenizer(pa.array(SINGLE), CLASSES[1:]), ValueError),
        (lambda: _native.Tokenizer(pa.array(SINGLE), CLASSES[1:] + b"\x09"), ValueError),
    ],
)
def test_wrong_inputs_are_refused(call: Callable[[], Any], error: type[Exception]) -> None:
    """What the kernel cannot take raises an ordinary exception: it never panics."""
    with pytest.raises(error):
        call()
