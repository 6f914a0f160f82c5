"""Stage ``mix``: reads the exports of other roots, and takes of each as many documents as a mixture asks for.

Documents are taken whole, in the order of a hash of their ids: ``_mixture.py`` has the arithmetic. What is taken of
each source is computed before a run, and is part of the recipe that a root records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from refinery import ID, LANG, POINTER, TEXT, TOKENS, CompletingSource, Records, Stage, Store, UsageError
from refinery.stages._formats.token_files import IDS
from refinery.stages._mixture import TABLE, Counts, Draw, draw, table, targets
from refinery.stages._mixture_sources import PIECE, Documents, batches, counted, opened, refuse_differences
from refinery.stages._permutation import COPY, SOURCE, Shuffled, Splitting


class Mix(CompletingSource):
    """Read the exports of other roots, of each as many documents as a mixture asks for.

    ``inputs`` are the roots. Each has a weight, a number of epochs, or a target of tokens, by the name of its dataset.
    Documents are taken whole, so that a source has its tokens to within one document. ``source`` is the name of the
    dataset of a document, ``copy`` the number of its copy, from 0; copies have one id.
    """

    name: ClassVar = "mix"
    version: ClassVar = 1
    source: ClassVar = "FineWeb-2 (arXiv 2506.20920): rehydration"
    derived: ClassVar = frozenset({"draws", "token_ids", "validation", "validation_by"})

    weights: dict[str, float] = Field({}, description="weights of sources by tokens: {web: 70, code: 30}")
    epochs: dict[str, float] = Field({}, description="times that sources are read: {wiki: 2.5}")
    targets: dict[str, int] = Field({}, description="tokens of sources: {code: 1000000000}")
    tokens: int = Field(0, ge=0, description="tokens of all; 0: by weights the most that repeats no document")
    rehydrate: tuple[str, ...] = Field(
        (), description="sources that repeat documents by the size of their duplicate cluster, the column size"
    )
    draws: dict[str, dict[str, int]] = Field({}, description="computed before a run: what is taken of each source")
    token_ids: Literal["", "uint16", "uint32"] = Field(
        "", description="computed before a run: the type of token ids of sources without text"
    )
    validation: float = Field(0.0, description="computed before a run: that of export")
    validation_by: str = Field("domain", description="computed before a run: that of export")

    @model_validator(mode="after")
    def _names_each_source_once(self) -> Self:
        names = self._named()
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} has two of weights, epochs and targets; keep one")
        odd = sorted(set(self.rehydrate) - set(names))
        if odd:
            raise ValueError(f"rehydrate: {', '.join(odd)} has no weight, epochs or target")
        return self

    def added(self) -> tuple[pa.Field, ...]:
        """Return the text or the token ids, the source and the copy of a document."""
        if self.token_ids:
            return pa.field(IDS, pa.list_(pa.type_for_alias(self.token_ids))), TOKENS, LANG, SOURCE, COPY
        return TEXT, TOKENS, LANG, SOURCE, COPY

    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        """Return the files of the export of a root. Raises UsageError or StorageError."""
        del store
        return list(opened(pattern).files)

    def completed(self, inputs: Sequence[str], stages: Sequence[Stage]) -> Sequence[Stage]:
        """Return the stages with what is taken of each source. Raises UsageError for sources that cannot be mixed."""
        last = stages[-1]
        if not isinstance(last, Shuffled) or last.shuffle is None:
            raise UsageError("a mixture ends with a shuffled export", hint="end the recipe with export: {shuffle: 1}")
        sources = {source.name: source for source in map(opened, inputs)}
        self._check_names(list(sources), len(inputs))
        kind = refuse_differences(list(sources.values()), last)
        split = Splitting(last.validation, last.validation_by)
        documents = {n: Documents(one, split, rehydrate=n in self.rehydrate) for n, one in sources.items()}
        draws = self._drawn(documents)
        changes = {"draws": draws, "token_ids": kind, "validation": split.share, "validation_by": split.by}
        return [self.model_copy(update=changes), *stages[1:-1], last.model_copy(update={"sources": draws})]

    def _named(self) -> list[str]:
        return [*self.weights, *self.epochs, *self.targets]

    def _check_names(self, given: Sequence[str], inputs: int) -> None:
        if len(given) < inputs:
            raise UsageError("two inputs are roots of datasets of one name", hint="their names must differ")
        different = sorted(set(self._named()) ^ set(given))
        if different:
            raise UsageError(
                f"inputs are the datasets {', '.join(given)}: {', '.join(different)} is not among them, or not named",
                hint="name each in one of weights, epochs and targets",
            )

    def _drawn(self, sources: Mapping[str, Documents]) -> dict[str, dict[str, int]]:
        wanted = dict(self.targets)
        wanted |= {name: round(sources[name].epoch * epochs) for name, epochs in self.epochs.items()}
        if self.weights:
            rest = self.tokens - sum(wanted.values()) if self.tokens else self._most(sources)
            if rest < 0:
                raise UsageError(
                    f"epochs and targets have {-rest:,} tokens more than tokens: {self.tokens}",
                    hint="raise tokens, or lower epochs and targets",
                )
            wanted |= targets(self.weights, rest)
        return {name: one.summary(draw(one.batches, wanted[name]), wanted[name]) for name, one in sources.items()}

    def _most(self, sources: Mapping[str, Documents]) -> int:
        """Return the tokens of the largest mixture by weight that repeats no document."""
        total = sum(self.weights.values())
        return min(int(sources[name].epoch * total / weight) for name, weight in self.weights.items() if weight)

    def inputs_table(self) -> tuple[tuple[str, ...], ...]:
        """Return what the mixture has of each source."""
        return (TABLE, *table(self.draws)) if self.draws else ()

    def read(self, path: str, store: Store) -> Iterator[Records]:
        """Yield the documents of a file that are taken. Raises StorageError."""
        del store
        one = opened(path.rpartition("/kept/")[0].rpartition("/")[0])
        split = Splitting(self.validation, self.validation_by)
        documents = Documents(one, split, rehydrate=one.name in self.rehydrate)
        record = self.draws[one.name]
        taken = Draw(record["epochs"], record["cut"], record["tokens"])
        for rows in batches(path):
            yield from self._records(rows, documents.copies(rows, taken), one.name)

    def _records(self, rows: pa.RecordBatch, copies: Counts, name: str) -> Iterator[Records]:
        """Yield documents as often as they are taken, few at once however many copies there are."""
        places = np.repeat(np.arange(len(rows)), copies)
        numbers = np.arange(len(places)) - np.repeat(np.cumsum(copies) - copies, copies)
        left_out = int((copies == 0).sum())
        for start in range(0, max(1, len(places)), PIECE):
            some = rows.take(pa.array(places[start : start + PIECE]))
            columns: dict[str, Any] = {field.name: _column(some, field) for field in (*POINTER, *self.added())}
            columns[SOURCE.name] = pa.array([name] * len(some), SOURCE.type)
            columns[COPY.name] = pa.array(numbers[start : start + PIECE], COPY.type)
            columns[TOKENS.name] = pa.array(counted(some), TOKENS.type)
            yield Records(columns, {}, {"not drawn": left_out} if left_out and not start else {})

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        """Raise UsageError: the record of a document is given by the root that it is from."""
        del offset, length, store
        raise UsageError(f"{path} is the output of another root", hint="ask that root about the document")


def _column(rows: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name not in rows.schema.names:
        return pa.nulls(len(rows), field.type)
    return rows.column(field.name) if field.name == ID.name else rows.column(field.name).cast(field.type)
