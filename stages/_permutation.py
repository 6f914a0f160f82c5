"""The order of a shuffled export, and the split of its validation documents, both by hashes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from refinery import Docs, Ordered, OrderRange, Proportion, id_bytes
from refinery.kernels import domains, mix64, parse_url, string_hashes
from refinery.stages._url.suffixes import suffixes

KEYS = 2**64

SOURCE = pa.field("source", pa.string())
"""Of a mixture: the name of the dataset that a document is from."""

COPY = pa.field("copy", pa.uint32())
"""Of a mixture: the number of a copy of a document, from 0."""

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Splitting:
    """The choice of a ``share`` of documents for validation, by a hash of the ``domain`` or the ``id``."""

    share: float
    by: str

    def chosen(self, docs: Docs) -> npt.NDArray[np.bool_]:
        """Return True for each document that is for validation: the same for every seed, and for a larger share."""
        if not self.share:
            return np.zeros(len(docs), np.bool_)
        hashes = split_hashes(docs) if self.by == "domain" else permuted(docs.column("id"), None)
        return hashes < np.uint64(min(KEYS - 1, int(self.share * KEYS)))


class Shuffled(Ordered):
    """A stage that can write documents in the order of a seed, and some of them apart, for validation."""

    order_fields: ClassVar = ("shuffle", "validation", "validation_by", "sources")
    derived: ClassVar = frozenset({"sources"})

    shuffle: int | None = Field(
        None, ge=0, lt=KEYS, description="seed of the order of all documents; without one it is that of the input"
    )
    validation: Proportion = Field(
        0.0, lt=1, description="share of documents, or of domains, that are written to split=validation: 0.1%"
    )
    validation_by: Literal["domain", "id"] = Field(
        "domain", description="documents of a registered domain are in the same split, or each by its own id"
    )

    sources: dict[str, dict[str, int]] = Field(
        {},
        description="computed before a run, of a mixture: what it takes of each source, of which each file has a share",
    )

    @model_validator(mode="after")
    def _can_split(self) -> Self:
        if self.validation and self.shuffle is None:
            raise ValueError("validation needs shuffle: SEED, which sorts the documents of both splits")
        return self

    def splits(self) -> tuple[OrderRange, ...]:
        """Return a range for each split, or of a mixture for each source of each split."""
        if self.shuffle is None:
            return ()
        splits = ("train", "validation") if self.validation else ("",)
        width = KEYS // len(splits) >> self._source_bits
        ranges = []
        for place, split in enumerate(splits):
            for number, source in enumerate(sorted(self.sources) or ("",)):
                low = KEYS // len(splits) * place + width * number
                ranges.append(OrderRange(split, low, low + width, source))
        return tuple(ranges)

    @property
    def _source_bits(self) -> int:
        """The bits of a key that number the source, below that of the split."""
        return (len(self.sources) - 1).bit_length() if self.sources else 0

    def order(self, docs: Docs) -> Hashes:
        """Return the split, the source, and a hash of each document's id and the seed."""
        assert self.shuffle is not None
        keys = permuted(docs.column("id"), self.shuffle)
        if COPY.name in docs.schema.names:
            copies = docs.column(COPY.name).fill_null(0).to_numpy().astype(np.uint64)
            keys = np.where(copies > 0, mix64(keys ^ mix64(copies)), keys)
        split_bits = 1 if self.validation else 0
        keys = keys >> np.uint64(split_bits + self._source_bits)
        if self._source_bits:
            numbers = pc.index_in(docs.column(SOURCE.name), pa.array(sorted(self.sources), pa.string()))
            places = numbers.to_numpy(zero_copy_only=False).astype(np.uint64)
            keys = keys | places << np.uint64(64 - split_bits - self._source_bits)
        if self.validation:
            chosen = Splitting(self.validation, self.validation_by).chosen(docs)
            keys = keys | chosen.astype(np.uint64) << np.uint64(63)
        return keys


def permuted(ids: pa.FixedSizeBinaryArray, seed: int | None) -> Hashes:
    """Return a hash of each id: of a seed, or the one without a seed that decides on the split."""
    high, low = id_bytes(ids).view(">u8").astype(np.uint64).T
    salt = np.uint64(0) if seed is None else mix64(np.array([seed], np.uint64))
    return mix64(high ^ mix64(low ^ salt))


def split_hashes(docs: Docs) -> Hashes:
    """Return a hash of each document's registered domain; of its id where the URL has none."""
    urls = docs.column("url").dictionary_encode()
    names = pa.array([_domain(url) for url in urls.dictionary.to_pylist()], pa.string()).take(urls.indices)
    known = names.is_valid().to_numpy(zero_copy_only=False)
    hashes = mix64(_numbers(string_hashes(names)))
    return np.where(known, hashes, permuted(docs.column("id"), None))


def _numbers(column: Any) -> Hashes:
    numbers: Hashes = column.to_numpy(zero_copy_only=False).astype(np.uint64)
    return numbers


@lru_cache(maxsize=100_000)
def _domain(url: str | None) -> str | None:
    host = parse_url(url).host
    return domains(host, suffixes())[-1] if host else None
