"""Numbers of parts and addresses of documents.

Parts of the dataset are numbered from 0. A reference part belongs to a root named by ``against``, or to a partition
that was deduplicated before: its documents have been decided on. Its number contains that of its root in the list of
reference roots. The address of a document is the number of its part and its row there in 64 bits.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import numpy.typing as npt

_FIRST_REFERENCE = 2**31
_ROOT_SHIFT = 24
_PART_SHIFT = 32

Parts = npt.NDArray[np.unsignedinteger[Any]]
Addresses = npt.NDArray[np.uint64]


def reference_number(root: int, part: int) -> int:
    """Return the number in the rounds of part number ``part`` of reference root number ``root``."""
    return _FIRST_REFERENCE + (root << _ROOT_SHIFT) + part


@overload
def is_reference(part: int) -> bool: ...
@overload
def is_reference(part: Parts) -> npt.NDArray[np.bool_]: ...
def is_reference(part: Any) -> Any:
    """Return True for the number of a reference part, or for each such number of a column."""
    return part >= _FIRST_REFERENCE


def root_number(part: Any) -> Any:
    """Return the place of a reference part's root in the list of reference roots, or a column of places."""
    return (part - _FIRST_REFERENCE) >> _ROOT_SHIFT


def address(part: int | Parts, row: npt.NDArray[Any]) -> Addresses:
    """Return the addresses of documents: rows of one part, or a part for each row."""
    parts: Addresses = np.asarray(part).astype(np.uint64) << np.uint64(_PART_SHIFT)
    return parts | row.astype(np.uint64)


def rows_of(addresses: Addresses) -> npt.NDArray[np.uint32]:
    """Return the row of each address in its part."""
    return addresses.astype(np.uint32)


def parts_of(addresses: Addresses) -> Addresses:
    """Return the number of the part of each address."""
    return addresses >> np.uint64(_PART_SHIFT)


def address_range(part: int) -> tuple[int, int]:
    """Return the half-open range of the addresses in a part."""
    return part << _PART_SHIFT, part + 1 << _PART_SHIFT
