"""Labels that divide documents: a column such as ``lang``, or a metric of an earlier stage."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery import Docs, UsageError
from refinery.kernels import mix64, string_hashes

Hashes = npt.NDArray[np.uint64]


def check_label(given: pa.Schema, field: str, column: str) -> None:
    """Raise UsageError for a column, or ``stage.metric``, whose values are no labels."""
    name, _, metric = column.partition(".")
    kind = given.field(name).type.field(metric).type if metric else given.field(name).type
    if not (pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise UsageError(f"{field}: {column} is no label but {kind}", hint="choose a column of labels, such as lang")


def label_hashes(docs: Docs, column: str) -> Hashes:
    """Return a hash of each document's label; documents without one share that of an empty label."""
    hashes: Hashes = string_hashes(docs.column(column).cast(pa.string())).to_numpy()
    return hashes


def labelled(hashes: Hashes, labels: Hashes) -> Hashes:
    """Return hashes that are equal where both the hashes and the labels are."""
    mixed: Hashes = mix64(hashes ^ labels)
    return mixed
