"""Texts of one language out of a root, as they entered the stage that identified it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.replay import step_runs
from refinery.inspect.rows import pieces
from refinery.root.receipts import SIDES
from refinery.root.statistics import id_hashes
from refinery.stage.documents import ID, TEXT, URL, Docs
from refinery.task.tasks import StepRun

MOST = 5_000
"""Documents of a sample at most: those with the smallest hashes of their ids."""


@dataclass(frozen=True)
class LanguageSample:
    """Documents of one language that enter the stage at ``position``, which identifies languages."""

    position: int
    docs: Docs


def language_sample(reader: RootReader, code: str, urls: Collection[str] | None) -> LanguageSample:
    """Return the documents that the root identifies as a language, of those with ``urls`` if given, by their hashes.

    Raises UsageError where no stage identifies languages, or where the texts before it are not stored.
    """
    entry, run = _identifying(reader)
    before, given = reader.before(entry), run.flow.given
    rows = iter(()) if before is None else pieces(reader, before, ("kept",), given.names)
    first = next(rows, None)
    if first is None or TEXT.name not in first.batch.schema.names:
        raise UsageError(
            f"the root stores no texts from before the stage {entry.name}", hint="run it with write: every"
        )
    ids = _ids(reader, entry, f"{run.step.column}.{run.step.stage.language_metric}", code, urls)
    if not len(ids):
        which = "document of the root" if urls is None else "document with one of the URLs"
        raise UsageError(
            f"no {which} is identified as {code}", hint="`refinery stats --by language` lists those that there are"
        )
    found = [piece.batch.filter(pc.is_in(piece.batch.column(ID.name), value_set=ids)) for piece in chain([first], rows)]
    table = pa.Table.from_batches([batch.select(given.names).cast(given) for batch in found])
    order = np.argsort(id_hashes(table.column(ID.name).combine_chunks()), kind="stable")
    return LanguageSample(entry.position, Docs(table.take(pa.array(order)).combine_chunks().to_batches()[0]))


def _identifying(reader: RootReader) -> tuple[StageEntry, StepRun]:
    """Return the last stage that identifies languages, and its step."""
    runs = step_runs(reader.pipeline)
    found = [entry for entry in reader.stages if runs[entry.position].step.stage.language_metric]
    if not found:
        raise UsageError("no stage of the root identifies languages", hint="add the stage language to the recipe")
    return found[-1], runs[found[-1].position]


def _ids(
    reader: RootReader, entry: StageEntry, language: str, code: str, urls: Collection[str] | None
) -> pa.FixedSizeBinaryArray:
    """Return the ids of the sample: of all documents of the language, those with the smallest hashes."""
    wanted = None if urls is None else pa.array(sorted(set(urls)), pa.string())
    found = [pa.array([], ID.type)]
    for piece in pieces(reader, entry, SIDES, (ID.name, URL.name, language)):
        column, _, metric = language.partition(".")
        mask = pc.equal(pc.struct_field(piece.batch.column(column), metric), code)
        if wanted is not None:
            mask = pc.and_(mask, pc.is_in(piece.batch.column(URL.name), value_set=wanted))
        found.append(piece.batch.column(ID.name).filter(pc.fill_null(mask, False)))
    ids = pa.concat_arrays(found)
    return ids.take(pa.array(np.argsort(id_hashes(ids), kind="stable")[:MOST]))
