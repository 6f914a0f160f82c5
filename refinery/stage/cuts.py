"""Stages that change texts by cuts: their evidence restores the text, and marks of the structure move with it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from refinery.kernels import SPANS
from refinery.stage.documents import STRUCTURE, TEXT


def has_spans(kind: pa.DataType) -> bool:
    """Return True for lists of spans of the text before: of type ``SPANS``, or with further fields."""
    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return False
    return set(SPANS.value_type) <= set(kind.value_type)


def cut_evidence(adds: Sequence[pa.Field], evidence: Sequence[pa.Field]) -> str:
    """Return the evidence from which ``undo`` restores texts, and by which marks follow them; "" without one.

    It is the only one of type ``SPANS``, or with further fields, of a stage that changes texts.
    """
    spans = [field.name for field in evidence if has_spans(field.type)]
    return spans[0] if len(spans) == 1 and TEXT.name in {field.name for field in adds} else ""


def moves_marks(adds: Sequence[pa.Field], evidence: Sequence[pa.Field]) -> bool:
    """Return True if the stage changes texts by cuts, and the engine moves the marks of the structure with them."""
    return bool(cut_evidence(adds, evidence)) and STRUCTURE.name not in {field.name for field in adds}
