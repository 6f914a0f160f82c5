"""The safetensors format: a JSON header, and arrays of numbers behind it. Nothing in a file is ever executed.

A file begins with the header's length, a little-endian number of 64 bits. The header names of each array its type, its
shape and its place in the rest of the file, and has ``__metadata__``, a table of strings. Source:
https://github.com/huggingface/safetensors, which other programs read the files with.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST_HEADER = 2**20
"""Bytes of a header; more than any of these files has."""

TYPES = {"F32": "<f4", "U32": "<u4", "U16": "<u2"}
"""The types that are read and written, with NumPy's names."""

_LENGTH = struct.Struct("<Q")

Arrays = Mapping[str, npt.NDArray[Any]]
Metadata = Mapping[str, str]


def begins_safetensors(head: bytes) -> bool:
    """Return True for the first bytes of such a file."""
    return head[8:9] == b"{" and _LENGTH.unpack(head[:8])[0] <= LARGEST_HEADER


def decode(file: bytes | memoryview) -> tuple[Metadata, Arrays]:
    """Return the metadata and the arrays of a file, which share its memory. Raises ValueError where it is damaged."""
    if len(file) < _LENGTH.size:
        raise ValueError(f"not a safetensors file: it has {len(file)} bytes")
    (length,) = _LENGTH.unpack(file[: _LENGTH.size])
    if length > min(LARGEST_HEADER, len(file) - _LENGTH.size):
        raise ValueError(f"damaged safetensors file: a header of {length} bytes in a file of {len(file)}")
    data = file[_LENGTH.size + length :]
    try:
        header = json.loads(bytes(file[_LENGTH.size : _LENGTH.size + length]))
        metadata = header.pop("__metadata__", {})
        arrays = {name: _array(name, given, data) for name, given in header.items()}
    except (UnicodeDecodeError, json.JSONDecodeError, AttributeError, RecursionError) as error:
        raise ValueError("damaged safetensors file: its header is no JSON object") from error
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("damaged safetensors file: its metadata are no strings")
    return metadata, arrays


def encode(metadata: Metadata, arrays: Arrays) -> bytes:
    """Return the bytes of a file; the same for the same arguments. The arrays are aligned to 8 bytes."""
    names = {np.dtype(numpy): name for name, numpy in TYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at, parts = 0, []
    for name, array in arrays.items():
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        parts.append(array.tobytes())
        at += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return _LENGTH.pack(len(text)) + text + b"".join(parts)


def _array(name: str, given: Any, data: bytes | memoryview) -> npt.NDArray[Any]:
    wrong = ValueError(f"damaged safetensors file: array {name[:80]!r} has a wrong type, shape or place")
    try:
        kind, shape, (start, end) = np.dtype(TYPES[given["dtype"]]), given["shape"], given["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise wrong from error
    if not isinstance(shape, list) or not all(type(number) is int for number in (start, end, *shape)):
        raise wrong
    size = math.prod(shape) * kind.itemsize
    if min(shape, default=1) < 0 or not 0 <= start <= end <= len(data) or end - start != size or len(shape) > 2:
        raise wrong
    return np.frombuffer(data, kind, size // kind.itemsize, start).reshape(shape)
