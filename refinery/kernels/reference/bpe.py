"""GPT-2 byte-pair encoding: token ids, their number, and the bytes behind each.

tiktoken does the merging; the table of ranks is derived here from GPT-2's merge list (``vocab.bpe``), so nothing is
downloaded. Special tokens are plain text: the string ``<|endoftext|>`` is seven tokens, not one.

Time is n log n in the longest run of letters, and linear otherwise. tiktoken's regular expression gives up (a panic,
not an exception) where about a million white-space characters are followed by another character, so long texts are
cut inside such runs, at places where a token ends anyway.

Source: Radford et al. 2019, https://github.com/openai/gpt-2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tiktoken

from refinery.kernels.reference.ragged import lists_of, offsets_of

MERGE_LIST = "gpt2.bpe"
"""The asset with GPT-2's merge list: its tokens are the unit in which data sets are compared."""

VOCABULARY = 50_256
"""Ids are below this, so they fit 16 bits; 50,256 itself would be ``<|endoftext|>``, which is never given."""

# The pieces that GPT-2 splits a text into before it merges: contractions, words, numbers, other signs, each with the
# space before it, and white space. Possessive quantifiers and ``\s++$`` change no match, only the time.
_PIECES = r"'(?:[sdmt]|ll|re|ve)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s++"

# Unicode's White_Space, which is what \s means above; Python's \s has four characters more.
_WHITE_SPACE = re.compile(r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_LONG_TEXT = 1 << 19
_LONG_RUN = 1 << 16


def token_ids(texts: pa.StringArray, merges: str) -> pa.ListArray:
    """The GPT-2 token ids of each text, ``list<uint16>``; a null text has none.

    ``merges`` is the path of GPT-2's merge list. Raises OSError, or ValueError where it is no such list.
    """
    encode = encoder(merges).encode_ordinary
    ids = [np.array(_encode(text, encode), np.uint16) for text in texts.to_pylist()]
    offsets = offsets_of(np.fromiter(map(len, ids), np.int64, len(ids)))
    return lists_of(np.concatenate([np.empty(0, np.uint16), *ids]), offsets)


def count_tokens(texts: pa.StringArray, merges: str) -> pa.UInt32Array:
    """Return the number of GPT-2 tokens of each text; 0 for null."""
    encode = encoder(merges).encode_ordinary
    return pa.array([len(_encode(text, encode)) for text in texts.to_pylist()], pa.uint32())


@lru_cache(maxsize=4)
def token_lengths(merges: str) -> npt.NDArray[np.uint16]:
    """UTF-8 bytes behind each id. The tokens of a text, one after another, are exactly its bytes."""
    lengths = np.array([len(token) for token in ranks(merges)], np.uint16)
    lengths.setflags(write=False)
    return lengths


@lru_cache(maxsize=4)
def encoder(merges: str) -> tiktoken.Encoding:
    """The tokenizer built from the merge list at a path, once a process."""
    return tiktoken.Encoding("gpt2", pat_str=_PIECES, mergeable_ranks=ranks(merges), special_tokens={})


@lru_cache(maxsize=4)
def ranks(merges: str) -> dict[bytes, int]:
    """Each token's bytes and its id, which is also its rank in merging; ids ascend from 0. Not to be changed.

    The 256 single bytes come first, in the order in which GPT-2 writes them as characters; then one token a merge.
    """
    byte_of = _byte_of_character()
    found = {bytes([byte]): rank for rank, byte in enumerate(byte_of.values())}
    with open(merges, encoding="utf-8") as lines:
        if not next(lines, "").startswith("#version"):
            raise ValueError(f"{merges}: expected a GPT-2 merge list that begins with #version")
        for number, line in enumerate(lines, start=2):
            try:
                left, right = line.split()
                token = bytes(byte_of[character] for character in left + right)
            except (ValueError, KeyError) as error:
                raise ValueError(f"{merges}:{number}: expected two tokens, found {line.rstrip()!r}") from error
            if token in found:
                raise ValueError(f"{merges}:{number}: expected a new token, found {line.rstrip()!r} again")
            found[token] = len(found)
    return found


def _byte_of_character() -> dict[str, int]:
    """GPT-2 writes a byte as its Latin-1 character where that is visible, else as the next one from U+0100 on."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in visible]
    return {**{chr(byte): byte for byte in visible}, **{chr(0x100 + n): byte for n, byte in enumerate(others)}}


def _encode(text: str | None, encode: Callable[[str], list[int]]) -> list[int]:
    if not text:
        return []
    if len(text) < _LONG_TEXT:
        return encode(text)
    return [token for piece in _pieces(text) for token in encode(piece)]


def _pieces(text: str) -> Iterator[str]:
    """The text, cut before the last character of every long run of white space that is not at its end.

    A token ends there in any case: the last space goes with the word behind it.
    """
    start = 0
    for run in _WHITE_SPACE.finditer(text):
        if run.end() - run.start() >= _LONG_RUN and run.end() < len(text):
            yield text[start : run.end() - 1]
            start = run.end() - 1
    yield text[start:]
