"""The part that sources of archive files share: their files, records and outcomes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

from pydantic import Field

from refinery import POINTER, PointedSource, Pointers, Records, Rule, Store, Watch
from refinery.stages._warc.inputs import PREFIX, archives
from refinery.stages._warc.reading import Batch, Reading, text_of
from refinery.stages._warc.rows import rules


class Archives(PointedSource):
    """Reads the records of one type from archive files into the column that it ``adds``."""

    endings: ClassVar[tuple[str, ...]]
    """Endings of the file names that a folder is searched for."""
    outcomes: ClassVar[tuple[tuple[str, str], ...]]
    """Outcomes of records that are not documents, with their explanations."""

    check_digests: bool = Field(False, description="compare records with the digests in their headers")
    prefix: str = Field("", description=PREFIX)

    @abstractmethod
    def reading(self) -> Reading:
        """Return the settings for reading archives."""

    def rules(self) -> tuple[Rule, ...]:
        """Return a rule for each outcome that is not ``ok``."""
        return rules(self.outcomes)

    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        """Return the files of a path, a glob, a folder or a list of paths. Raises StorageError."""
        return archives(pattern, store, self.endings, self.prefix)

    def read(self, path: str, store: Store) -> Iterator[Records]:
        """Yield all records of a file, in batches of limited size. Raises StorageError."""
        return map(self._records, self.reading().all(path, store))

    def read_watched(self, path: str, store: Store, watch: Watch) -> Iterator[Records]:
        """See ``Source.read_watched``. Raises StorageError."""
        return map(self._records, self.reading().all(path, store, watch))

    def read_records(
        self, path: str, pointers: Pointers, stream: BinaryIO, watch: Watch | None = None
    ) -> Iterator[Records]:
        """See ``PointedSource.read_records``. Raises StorageError."""
        return map(self._records, self.reading().some(path, pointers, stream, watch))

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        """Return the record at a pointer. Raises StorageError where none begins.

        With a ``length`` of 0, ``offset`` counts decompressed bytes of a file whose records share a gzip member; it is
        then read from its beginning.
        """
        return self._records(self.reading().one(path, offset, length, store))

    def _records(self, pages: Batch) -> Records:
        batch, skipped = pages
        columns = {field.name: batch.column(field.name) for field in POINTER}
        columns |= {field.name: text_of(batch) for field in self.adds}
        return Records(columns, {field.name: batch.column(field.name) for field in self.metrics_type()}, skipped)
