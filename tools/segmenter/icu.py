"""Word lists of ICU for Burmese, Khmer, Lao and Thai, from the Rust crate ``icu_segmenter_data`` (Unicode-3.0).

The crate has each list as a trie of letters' numbers, in a byte string of Rust source. The format of the trie is
described in ``zerotrie/src/reader.rs``: a byte below 128 is a letter's number, others start a value or a branch.
"""

from __future__ import annotations

import glob
import os
import re
from itertools import pairwise

NAMES = ("burmese", "khmer", "lao", "thai")
"""The lists in the order of the file."""

FILE = "icu_segmenter_data*/data/segmenter_dictionary_extended_v2.rs.data"
VALUE, SPAN, BRANCH = 0x80, 0xA0, 0xC0

_ESCAPE = re.compile(r"""\\(?:x([0-9A-F]{2})|\n\s*|([nrt0\\"']))""")
_CHARACTERS = dict(zip("nrt0\\\"'", "\n\r\t\0\\\"'", strict=True))


def word_lists(folder: str) -> dict[str, list[str]]:
    """Return the lists by name, of the crate that ``cargo vendor`` put into a folder."""
    (path,) = glob.glob(os.path.join(folder, FILE))
    with open(path, encoding="utf-8") as file:
        source = file.read()
    found, at = {}, source.index("VALUES")
    for name in NAMES:
        letters, at = byte_string(source, source.index("CodePointInversionList::from_parts", at))
        trie, at = byte_string(source, source.index("ZeroTrieSimpleAscii {", at))
        found[name] = words(trie, alphabet(letters))
    return found


def byte_string(source: str, start: int) -> tuple[bytes, int]:
    """Return the next byte string of Rust source, and where it ends."""
    first = source.index('b"', start) + 2
    last = first
    while source[last] != '"':
        last += 2 if source[last] == "\\" else 1
    plain = _ESCAPE.sub(_character, source[first:last])
    return plain.encode("latin-1"), last


def _character(escape: re.Match[str]) -> str:
    code, name = escape.groups()
    return chr(int(code, 16)) if code else _CHARACTERS.get(name, "")


def alphabet(inversions: bytes) -> str:
    """Return the letters by number: code points of three bytes, which start and end ranges in turn."""
    edges = [int.from_bytes(inversions[at : at + 3], "little") for at in range(0, len(inversions), 3)]
    ranges = zip(edges[::2], edges[1::2], strict=True)
    return "".join(chr(code) for first, end in ranges for code in range(first, end))


def words(trie: bytes, letters: str) -> list[str]:
    """Return the words of a trie."""
    found, open_nodes = [], [(0, len(trie), "")]
    while open_nodes:
        at, end, word = open_nodes.pop()
        while at < end:
            lead = trie[at]
            if lead < VALUE:
                word, at = word + letters[lead], at + 1
            elif lead < SPAN:
                at = _number(trie, at, 4)[1]
                found.append(word)
            elif lead < BRANCH:
                raise ValueError(f"span at {at} of a trie without spans")
            else:
                open_nodes += _children(trie, at, end, word, letters)
                break
    return sorted(found)


def _children(trie: bytes, at: int, end: int, word: str, letters: str) -> list[tuple[int, int, str]]:
    """Return the nodes of a branch: ranges of bytes, with the words that lead to them."""
    head, at = _number(trie, at, 5)
    count, width = head % 256 or 256, head // 256 + 1
    keys, at = trie[at : at + count], at + count
    rows = [trie[at + row * (count - 1) :][: count - 1] for row in range(width)]  # high bytes first
    at += width * (count - 1)
    offsets = [0, *(int.from_bytes(column, "big") for column in zip(*rows, strict=True)), end - at]
    return [(at + a, at + b, word + letters[key]) for key, (a, b) in zip(keys, pairwise(offsets), strict=True)]


def _number(trie: bytes, at: int, bits: int) -> tuple[int, int]:
    """Return the number that starts with the low bits of a byte, and where it ends; the bit above them continues it."""
    value, more, latent = trie[at] & ((1 << bits) - 1), trie[at] >> bits & 1, 1 << bits
    at += 1
    while more:
        value = (value << 7) + (trie[at] & 127) + latent
        more, at = trie[at] >> 7, at + 1
    return value, at
