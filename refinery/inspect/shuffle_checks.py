"""Checks of a shuffled export without a rerun: its shards have the documents of the sorted runs, and these its input.

Sums of ids are compared, which come from files that are read anyway: memory does not grow with the documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from refinery.inspect.contents import FileRows, IdSum, added, id_sum
from refinery.inspect.reader import Finding, RootReader, StageEntry
from refinery.planner.parts import first_and_last_runs
from refinery.root.receipts import Receipt

_NONE: IdSum = (0, 0, 0)


def summed(reader: RootReader) -> set[int]:
    """Return the positions of shuffled exports, and of the stages before them."""
    shuffled = [e for e in reader.stages if any(one.ranks is not None for one in reader.load(e).parts)]
    return {position for entry in shuffled for position in (entry.position, entry.position - 1)}


def id_sums(receipt: Receipt, rows: Mapping[str, FileRows]) -> Iterator[tuple[str, IdSum]]:
    """Yield the key of a part or a run, and the sum of its ids, where it has them.

    Rows that were taken down stay in a run, and are not counted.
    """
    name = "keys" if receipt.kind == "map" else "kept"
    if name in rows and rows[name].has_ids:
        taken = receipt.taken_down[name].taken if receipt.kind == "map" and name in receipt.taken_down else ()
        yield receipt.key, id_sum(rows[name].ids, {row for one in taken for row in one.rows})


def other_documents(reader: RootReader, entry: StageEntry, sums: Mapping[str, IdSum]) -> Iterator[Finding]:
    """Report shards that together have other documents than the runs, and runs that have others than the input.

    ``sums`` are those of parts and runs by key; what was not read, or has no ids, is not compared.
    """
    receipts, before = reader.load(entry), reader.before(entry)
    shards = [one for one in receipts.parts if one.ranks is not None]
    if not shards or not entry.manifest.complete or receipts.lost:
        return
    runs, few = first_and_last_runs(receipts.shuffle)
    if _differ(few, shards, sums):
        yield Finding("its files have other documents than the sorted runs that they were made from", entry.name)
    if len(few) < len(runs) and _differ(runs, few, sums):
        yield Finding("merged runs have other documents than those that they were made from", entry.name)
    if before is not None and before.manifest.complete and _differ(reader.load(before).parts, runs, sums):
        yield Finding(f"the sorted runs have other documents than {before.name} kept", entry.name)


def _differ(given: Iterable[Receipt], written: Iterable[Receipt], sums: Mapping[str, IdSum]) -> bool:
    """Return True if the documents of two lists of parts are known, and not the same."""
    came, went = ([sums.get(one.key, _NONE if _is_empty(one) else None) for one in some] for some in (given, written))
    if None in came or None in went:
        return False
    return added(one for one in came if one) != added(one for one in went if one)


def _is_empty(receipt: Receipt) -> bool:
    return not receipt.rows.get("keys" if receipt.kind == "map" else "kept")
