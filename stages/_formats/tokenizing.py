"""Token ids of documents by a ``tokenizer.json`` of Hugging Face's ``tokenizers``.

A document is the ids of its text, then the end-of-text token. The template of the tokenizer is not applied, special
tokens inside of a text are encoded as ordinary text, and nothing is truncated or padded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery import Asset, AssetError
from refinery.kernels import token_ids
from refinery.stages._formats.end_of_text import end_of_text as end_of_text_of
from refinery.stages._formats.pieces import NO_IDS, Ids, PieceIds, cuts_at_spaces

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LARGEST_UINT16 = 2**16 - 1

AT_ONCE = 256
"""Texts, or pieces of texts, that `tokenizers` gets in a call."""

FIRST, LAST = 60, 20
"""Ids of a document from which `DocumentTokenizer.preview` makes its beginning and its end."""

_MERGES = "gpt2.bpe"


class DocumentTokenizer:
    """Encodes documents with the tokenizer of a file. ``end`` is the id of its end-of-text token.

    Raises AssetError where the file is no tokenizer, or the token is not one of its special tokens.
    """

    def __init__(self, path: str, end_of_text: str | None = None) -> None:
        self._tokenizer = _opened(path)
        self._vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        self.end_of_text = end_of_text_of(self._tokenizer, path, end_of_text)
        self.end = self._vocabulary[self.end_of_text]
        self.largest = max(self._vocabulary.values())
        self.type = np.uint16 if self.largest <= LARGEST_UINT16 else np.uint32
        description = json.loads(self._tokenizer.to_str())
        self.is_gpt2 = is_gpt2(description, _gpt2_merges())
        self._pieces = PieceIds(self._encoded) if cuts_at_spaces(description) else None

    @property
    def column(self) -> pa.Field:
        """The column of the ids: ``list<uint16>`` if the largest id of the tokenizer fits, else ``list<uint32>``."""
        return pa.field("input_ids", pa.list_(pa.from_numpy_dtype(self.type)))

    def encode(self, texts: pa.StringArray) -> pa.ListArray:
        """Return the ids of each text and of the end of it; a null text has the end alone.

        Raises ValueError for an id above the largest of the vocabulary.
        """
        values, lengths = self._of_texts(texts)
        if len(values) and int(values.max()) > self.largest:
            raise ValueError(
                f"the tokenizer returned id {values.max()}; the largest of its vocabulary is {self.largest}"
            )
        ends = np.cumsum(lengths)
        ids = np.insert(values.astype(self.type), ends, self.type(self.end))
        offsets = np.concatenate([[0], ends + np.arange(1, len(ends) + 1)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(ids)).cast(self.column.type)

    def decode(self, ids: npt.NDArray[np.integer[Any]]) -> str:
        """Return the text of a document's ids. The last one must be the end of the text, which is left out."""
        if not len(ids) or ids[-1] != self.end:
            raise ValueError(f"the ids of a document end with {self.end}, {self.end_of_text}")
        return self._tokenizer.decode(ids[:-1].tolist(), skip_special_tokens=False)

    def preview(self, ids: npt.NDArray[np.integer[Any]]) -> str:
        """Return what the first and last ids of a document decode to, with the end-of-text token."""
        if len(ids) <= FIRST + LAST:
            return self._decoded(ids)
        return f"{self._decoded(ids[:FIRST])} […] {self._decoded(ids[-LAST:])}"

    def _decoded(self, ids: npt.NDArray[np.integer[Any]]) -> str:
        """Return the text of ids, without the halves of characters that were cut at both ends."""
        return self._tokenizer.decode(ids.tolist(), skip_special_tokens=False).strip("\ufffd")

    def _of_texts(self, texts: pa.StringArray) -> tuple[npt.NDArray[np.integer[Any]], Ids]:
        if self.is_gpt2:
            lists = token_ids(texts, Asset(_MERGES).path()).fill_null([])
            return lists.flatten().to_numpy(), lists.value_lengths().to_numpy().astype(np.int64)
        given = [text or "" for text in texts.to_pylist()]
        return self._encoded(given) if self._pieces is None else self._pieces.of_texts(given)

    def _encoded(self, texts: Sequence[str]) -> tuple[Ids, Ids]:
        """Return the ids of all texts, end to end, and the number of each text's."""
        values, lengths = [NO_IDS], [NO_IDS]
        for start in range(0, len(texts), AT_ONCE):  # what `tokenizers` allocates for each text is used again
            some = self._tokenizer.encode_batch_fast(texts[start : start + AT_ONCE], add_special_tokens=False)
            ids = [one.ids for one in some]
            lengths.append(np.fromiter(map(len, ids), np.int64, len(ids)))
            values.append(np.fromiter(chain.from_iterable(ids), np.int64, int(lengths[-1].sum())))
        return np.concatenate(values), np.concatenate(lengths)


@lru_cache(maxsize=4)
def document_tokenizer(path: str, end_of_text: str | None) -> DocumentTokenizer:
    """Return the tokenizer of a file, read once for each process."""
    return DocumentTokenizer(path, end_of_text)


def _opened(path: str) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise AssetError(f"{path} needs tokenizers", hint='pip install "crawl-refinery[tokenizers]"') from error
    try:
        tokenizer = Tokenizer.from_file(path)
    except Exception as error:  # tokenizers raises no narrower class for a file that it cannot read
        hint = "it must be a tokenizer.json of Hugging Face's tokenizers"
        raise AssetError(f"{path}: {' '.join(str(error).split())[:200]}", hint=hint) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def is_gpt2(description: Mapping[str, Any], merges: Sequence[tuple[str, str]]) -> bool:
    """Return True if a ``tokenizer.json`` encodes as GPT-2 does: its merges, ids and division, and nothing besides."""
    model, split = description["model"], description.get("pre_tokenizer") or {}
    plain = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    others = ("dropout", "byte_fallback", "ignore_merges", "continuing_subword_prefix", "end_of_word_suffix")
    return (
        model["type"] == "BPE"
        and description.get("normalizer") is None
        and all(split.get(name) == value for name, value in plain.items())
        and all(token["special"] for token in description.get("added_tokens", ()))
        and not any(model.get(name) for name in others)
        and [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in model["merges"]] == list(merges)
        and all(model["vocab"].get(token) == number for number, token in enumerate(_tokens(merges)))
    )


@lru_cache(maxsize=1)
def _gpt2_merges() -> list[tuple[str, str]]:
    with open(Asset(_MERGES).path(), encoding="utf-8") as lines:
        pairs = [line.split() for line in lines]
    return [(pair[0], pair[1]) for pair in pairs[1:] if pair]


def _tokens(merges: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield GPT-2's tokens by id: the characters for single bytes, printable ones first, then one token a merge."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    yield from map(chr, [*printable, *range(0x100, 0x200 - len(printable))])
    yield from map("".join, merges)
