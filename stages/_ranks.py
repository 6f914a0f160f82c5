"""The order in which documents count as first, which does not depend on parts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery import Docs, id_bytes
from refinery.kernels import mix64

LATEST = 2**32 - 1
"""Seconds since 1970 that fit 32 bits; documents without a date count as this late."""


def crawl_ranks(docs: Docs) -> npt.NDArray[np.uint64]:
    """Return the order of documents: by second of the crawl, then at random; those without a date come last."""
    seconds = pc.fill_null(pc.divide(docs.column("date").cast(pa.int64()), 1000), LATEST).to_numpy()
    halves = id_bytes(docs.column("id")).view("<u8")
    chance = mix64(mix64(halves[:, 0]) ^ halves[:, 1].astype(np.uint64))
    ranks: npt.NDArray[np.uint64] = np.clip(seconds, 0, LATEST).astype(np.uint64) << np.uint64(32)
    return ranks | chance >> np.uint64(32)
