"""Texts cut where a tokenizer cuts them in any case, and the ids of pieces that have been seen.

A cut is before a single space between two letters, digits or marks of ASCII and of the Latin, Greek and Cyrillic
scripts. Many tokenizers encode the sides of it apart, whatever they are: those whose settings `cuts_at_spaces` knows.
The ids of a text are then those of its pieces, most of which are words that occurred before. Other tokenizers get whole
texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

BUDGET = 1 << 22
"""Characters of pieces whose ids are kept, of English words about 100 MB; with more, all are forgotten."""

_VISIBLE = "!-~À-ÖØ-öø-ɏΑ-ΡΣ-ωЀ-ҁҊ-ӿ"
_CUT = re.compile(rf"(?<=[{_VISIBLE}])(?= [{_VISIBLE}])")

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS = (_LLAMA3, _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}"), _O200K)
"""Divisions of Llama 3, Qwen 2 and o200k: no match has a space behind what is visible, and none looks back."""

_NORMALIZERS = {"NFC", "NFKC", "NFD", "NFKD"}

Ids = npt.NDArray[np.int64]
NO_IDS: Ids = np.empty(0, np.int64)


class PieceIds:
    """The ids of texts, by a function that encodes pieces: it returns all ids, end to end, and the number of each's."""

    def __init__(self, encode: Callable[[Sequence[str]], tuple[Ids, Ids]]) -> None:
        self._encode = encode
        self._numbers: dict[str, int] = {}
        self._starts: Ids = NO_IDS
        self._sizes: Ids = NO_IDS
        self._ids: Ids = NO_IDS
        self._characters = 0

    def of_texts(self, texts: Sequence[str]) -> tuple[Ids, Ids]:
        """Return the ids of all texts, end to end, and the number of each text's."""
        divided = [_CUT.split(text) for text in texts]
        pieces = list(chain.from_iterable(divided))
        self._learn([piece for piece in dict.fromkeys(pieces) if piece not in self._numbers])
        numbers = np.fromiter(map(self._numbers.__getitem__, pieces), np.int64, len(pieces))
        sizes = self._sizes[numbers]
        ends = np.cumsum(sizes)
        shift = np.repeat(self._starts[numbers] - (ends - sizes), sizes)
        ids = self._ids[shift + np.arange(len(shift))]
        last = np.cumsum(np.fromiter(map(len, divided), np.int64, len(divided)))
        lengths = np.diff(np.concatenate([[0], ends])[np.concatenate([[0], last])])
        if self._characters > BUDGET:
            self._numbers, self._characters = {}, 0
            self._starts = self._sizes = self._ids = NO_IDS
        return ids, lengths

    def _learn(self, fresh: Sequence[str]) -> None:
        ids, sizes = self._encode(fresh)
        self._numbers.update(zip(fresh, range(len(self._numbers), len(self._numbers) + len(fresh)), strict=True))
        self._starts = np.concatenate([self._starts, len(self._ids) + np.cumsum(sizes) - sizes])
        self._sizes = np.concatenate([self._sizes, sizes])
        self._ids = np.concatenate([self._ids, ids])
        self._characters += sum(map(len, fresh))


def cuts_at_spaces(description: Mapping[str, Any]) -> bool:
    """Return True if a ``tokenizer.json`` is known to encode both sides of a cut apart.

    No model looks across pieces of its pre-tokenizer, and no normal form joins the space with what is beside it. Added
    tokens that are not special are found in texts before anything else, so they must have no space, or spaces alone.
    """
    tokens = [token for token in description.get("added_tokens", ()) if not token["special"]]
    return (
        all(_keeps_to_a_side(token) for token in tokens)
        and all(one["type"] in _NORMALIZERS for one in _flat(description.get("normalizer"), "normalizers"))
        and any(map(_cuts, _flat(description.get("pre_tokenizer"), "pretokenizers")))
        and all(_cuts(one) or _is_local(one) for one in _flat(description["pre_tokenizer"], "pretokenizers"))
    )


def _flat(given: Mapping[str, Any] | None, parts: str) -> list[Mapping[str, Any]]:
    if given is None:
        return []
    return [one for part in given[parts] for one in _flat(part, parts)] if given["type"] == "Sequence" else [given]


def _keeps_to_a_side(token: Mapping[str, Any]) -> bool:
    content = token["content"]
    return not (token["rstrip"] or token["single_word"]) and (
        " " not in content or (len(content) > 1 and content.isspace())
    )


def _cuts(pre_tokenizer: Mapping[str, Any]) -> bool:
    """Return True if it cuts before such a space, by nothing but what follows a cut."""
    kind = pre_tokenizer["type"]
    if kind == "Split":
        regex, behaviour = pre_tokenizer["pattern"].get("Regex"), pre_tokenizer["behavior"]
        return regex in PATTERNS and behaviour == "Isolated" and not pre_tokenizer["invert"]
    if kind == "ByteLevel":
        return bool(pre_tokenizer.get("use_regex", True))
    return kind in {"WhitespaceSplit", "Whitespace"} or (kind == "Metaspace" and bool(pre_tokenizer.get("split", True)))


def _is_local(pre_tokenizer: Mapping[str, Any]) -> bool:
    """Return True if what it does to a character depends on no other, but that a text may get a space in front."""
    return pre_tokenizer["type"] in {"ByteLevel", "Digits"}
