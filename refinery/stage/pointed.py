"""Sources that can read chosen records of a file, so that the rest of it is not fetched."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from refinery.stage.base import Records, Source, Watch


@dataclass(frozen=True)
class Pointers:
    """Places of records in a file, in its order: ``offsets`` and ``lengths`` in bytes."""

    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


class PointedSource(Source):
    """A source whose records have a place in their file, so that ``inputs`` may be a query of an index.

    It reads the bytes at each pointer::

        def read_records(self, path, pointers, stream, watch=None):
            file = file_identity(path, stream.read(FILE_HEAD))
            for offset, length in zip(pointers.offsets.tolist(), pointers.lengths.tolist()):
                stream.seek(offset)
                yield self._parsed(stream.read(length), file, offset, length)
    """

    @abstractmethod
    def read_records(
        self, path: str, pointers: Pointers, stream: BinaryIO, watch: Watch | None = None
    ) -> Iterator[Records]:
        """Yield the records at some pointers as ``read`` yields those of the file, in their order.

        The ``stream`` is over these records and the first 64 KiB: other bytes cost requests, and a read may return
        fewer bytes than it asks for. Raises StorageError, also where other records are there.
        """
