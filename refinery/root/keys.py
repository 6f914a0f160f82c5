"""Keys of receipts in a column: 32 bytes each, where strings in a tuple take 89, and a crawl has millions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import eq
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

Column = npt.NDArray[np.bytes_]

_AT_ONCE = 4096
"""Keys that are strings at the same time."""

_KEY = core_schema.str_schema(pattern="^[0-9A-Za-z_-]+$")
"""Pydantic checks a pattern faster than a function, and a crawl has 1.6 million."""


class Keys(Sequence[str]):
    """Keys in an order. They are ASCII; each is a string when it is asked for.

    >>> keys = Keys(["0a", "1b", "2c"])
    >>> keys[1], list(keys[:2]), keys == ("0a", "1b", "2c")
    ('1b', ['0a', '1b'], True)
    """

    def __init__(self, keys: Iterable[str] | Column = ()) -> None:
        self.column = keys if isinstance(keys, np.ndarray) else _column(keys)

    def __len__(self) -> int:
        return len(self.column)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self.column), _AT_ONCE):
            yield from map(bytes.decode, self.column[start : start + _AT_ONCE].tolist())

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Keys: ...
    def __getitem__(self, place: int | slice) -> str | Keys:
        return Keys(self.column[place]) if isinstance(place, slice) else bytes(self.column[place]).decode()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Keys):
            return np.array_equal(self.column, other.column)
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Keys) -> Keys:
        return Keys(np.concatenate([self.column, other.column]))

    def __repr__(self) -> str:
        return f"Keys({[*self]})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Describe keys to Pydantic: a list of strings in JSON."""
        listed = core_schema.no_info_after_validator_function(cls, core_schema.list_schema(_KEY))
        return core_schema.json_or_python_schema(
            listed,
            core_schema.union_schema([core_schema.is_instance_schema(cls), listed]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                list, return_schema=core_schema.list_schema(core_schema.str_schema())
            ),
        )


def column_of(keys: Sequence[str]) -> Column:
    """Return keys as a column."""
    return keys.column if isinstance(keys, Keys) else _column(keys)


def _column(keys: Iterable[str]) -> Column:
    """Return keys as a column, of which those of one length become one quickly."""
    rest, pieces = iter(keys), [np.zeros(0, "S1")]
    while some := [*islice(rest, _AT_ONCE)]:
        width, *others = {*map(len, some)}
        if others or not width:
            pieces.append(np.array([key.encode("ascii") for key in some], "S"))
        else:
            pieces.append(np.frombuffer("".join(some).encode("ascii"), f"S{width}"))
    return np.concatenate(pieces)
