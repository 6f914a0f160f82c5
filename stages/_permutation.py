"""The order of a shuffled export, and the split of its validation documents, both by hashes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, model_validator

from refinery import Docs, Ordered, OrderRange, Proportion, id_bytes
from refinery.kernels import domains, mix64, parse_url, string_hashes
from stages._url.suffixes import suffixes

KEYS = 2**64
ALL = (OrderRange("", 0, KEYS),)
SPLITS = (OrderRange("train", 0, KEYS // 2), OrderRange("validation", KEYS // 2, KEYS))

Hashes = npt.NDArray[np.uint64]


class Shuffled(Ordered):
    """A stage that can write documents in the order of a seed, and some of them apart, for validation."""

    order_fields: ClassVar = ("shuffle", "validation", "validation_by")

    shuffle: int | None = Field(
        None, ge=0, lt=KEYS, description="seed of the order of all documents; without one it is that of the input"
    )
    validation: Proportion = Field(
        0.0, lt=1, description="share of documents, or of domains, that are written to split=validation: 0.1%"
    )
    validation_by: Literal["domain", "id"] = Field(
        "domain", description="documents of a registered domain are in the same split, or each by its own id"
    )

    @model_validator(mode="after")
    def _can_split(self) -> Self:
        if self.validation and self.shuffle is None:
            raise ValueError("validation needs shuffle: SEED, which sorts the documents of both splits")
        return self

    def splits(self) -> tuple[OrderRange, ...]:
        """Return the splits for training and validation, or one of all documents."""
        if self.shuffle is None:
            return ()
        return SPLITS if self.validation else ALL

    def order(self, docs: Docs) -> Hashes:
        """Return a hash of each document's id and the seed, in the upper half for validation."""
        assert self.shuffle is not None
        ids = docs.column("id")
        keys = permuted(ids, self.shuffle)
        if not self.validation:
            return keys
        apart = split_hashes(docs) if self.validation_by == "domain" else permuted(ids, None)
        chosen = apart < np.uint64(min(KEYS - 1, int(self.validation * KEYS)))
        return keys >> np.uint64(1) | chosen.astype(np.uint64) << np.uint64(63)


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
