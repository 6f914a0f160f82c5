"""The action on texts with repeated spans, and the metrics of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import SPANS, take_out

Action = Literal["cut", "mask", "drop_partial", "drop_any"]

REASON = "repeated"

REPEATS = pa.list_(
    pa.struct([*SPANS.value_type, ("char", pa.uint64()), ("chars", pa.uint64()), ("group", pa.uint64())])
)
"""``SPANS`` with place and length in characters, and a number that spans of the same text share.

``text`` is null where the span was not cut out.
"""


Groups = Callable[[pa.StringArray], pa.UInt64Array]
"""Numbers of texts, the same for those that count as the same."""

_BLANKS = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
"""All that ``str.strip`` takes away."""


def edited_texts(
    texts: pa.StringArray, ranges: pa.ListArray, groups: Groups, *, cut: bool
) -> tuple[pa.StringArray, dict[str, pa.Array]]:
    """Return the texts after the action, and metrics. ``ranges`` are bytes of each text, in order, without overlap."""
    rest, inside, places, sizes = take_out(texts, ranges)
    values = ranges.flatten()
    starts, ends = (values.field(name).to_numpy() for name in ("start", "end"))
    columns = {
        "offset": pa.array(starts),
        "length": pa.array(ends - starts),
        "reason": pa.array([REASON]).take(pa.array(np.zeros(len(inside), np.int64))),
        "text": inside if cut else pa.nulls(len(inside), pa.string()),
        "cut": pa.array(np.full(len(inside), cut)),
        "char": places,
        "chars": sizes,
        "group": groups(inside),
    }
    fields = list(REPEATS.value_type)
    repeats = pa.StructArray.from_arrays([columns[field.name] for field in fields], fields=fields)
    counts = pc.list_value_length(ranges).to_numpy()
    offsets = np.append(0, np.cumsum(counts))
    repeated = np.diff(np.append(0, np.cumsum(ends - starts))[offsets])
    return rest if cut else texts, {
        "spans": pa.array(counts.astype(np.uint32)),
        "repeated": pa.array(repeated.astype(np.uint64)),
        "share": pa.array(repeated / np.maximum(pc.binary_length(texts).to_numpy(), 1)),
        "chars_left": pc.utf8_length(pc.utf8_trim(rest, _BLANKS)).cast(pa.uint32()),
        "repeats": pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), repeats),
    }
