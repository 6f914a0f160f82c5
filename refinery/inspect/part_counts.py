"""The counts of single parts as receipts have them, and what does not reconcile in them and in their statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from refinery.inspect.reader import Finding, StageEntry, documents_of
from refinery.root.briefs import Brief
from refinery.root.receipt_sequence import Receipts
from refinery.root.receipts import Receipt
from refinery.root.statistics import UNITS, Statistics


def reconciled_sums(receipts: Sequence[Receipt], rows: Sequence[Brief]) -> tuple[list[Statistics], set[int]]:
    """Return stored sums of statistics that reconcile with the counts of their parts, and the places of these parts.

    Those of the other parts have to be read one by one.
    """
    totals, places = list[Statistics](), set[int]()
    for total, summed in receipts.sums() if isinstance(receipts, Receipts) else ():
        parts = [rows[place] for place in summed]
        recorded = {
            "in": sum(one.given for one in parts),
            "kept": sum(one.kept for one in parts),
            "removed": sum(one.removed + one.skipped for one in parts),
        }
        same = all(total.documents.get(side) == count for side, count in recorded.items())
        if same and total.bytes.get("kept") == sum(max(0, one.text) for one in parts) and not [*mismatches(total)]:
            totals.append(total)
            places |= set(summed)
    return totals, places


def check_part(entry: StageEntry, counts: Brief, statistics: Statistics | None) -> Iterator[Finding]:
    """Report what does not reconcile in the receipt and the statistics of a part."""

    def finding(message: str) -> Finding:
        return Finding(message, entry.name, counts.part)

    given, kept, removed, skipped = counts.given, counts.kept, counts.removed, counts.skipped
    if given != kept + removed + skipped:
        yield finding(f"in {given} ≠ kept {kept} + removed {removed} + skipped {skipped}")
    if entry.position and skipped:
        yield finding(f"{skipped} documents are neither kept nor removed")
    if statistics is None:
        return
    recorded = {"in": given, "kept": kept, "removed": removed + skipped}
    for side, count in recorded.items():
        if statistics.documents.get(side) != count:
            yield finding(f"{side}: the receipt has {count} documents, the statistics {statistics.documents.get(side)}")
    if counts.text != statistics.bytes.get("kept", -1):
        yield finding(f"the receipt has {counts.text} bytes of text, the statistics {statistics.bytes.get('kept')}")
    yield from map(finding, mismatches(statistics))


def mismatches(statistics: Statistics) -> Iterator[str]:
    """Report the counts within statistics that do not reconcile."""
    documents = statistics.documents
    if documents.get("in") != documents.get("kept", 0) + documents.get("removed", 0):
        yield f"documents: in {documents.get('in')} ≠ kept {documents.get('kept')} + removed {documents.get('removed')}"
    reasons = sum(statistics.reasons.values())
    if reasons != documents.get("removed"):
        yield f"{documents.get('removed')} documents were removed for {reasons} reasons"
    for unit in UNITS:
        counts = statistics.unit(unit)
        if counts.get("in") != sum(counts.get(side, 0) for side in ("kept", "removed", "cut")):
            yield f"{unit}: in {counts.get('in')} ≠ kept + removed + cut of {dict(counts)}"


def missing_inputs(entry: StageEntry, parts: Sequence[Brief], before: Sequence[Brief]) -> Counter[str]:
    """Return the content ids of the input of parts that are not among what the stage before kept."""
    used = Counter(content for one in parts if one.ranked is None for content in documents_of(entry, one))
    used.update({content for one in parts if one.ranked is not None for content in documents_of(entry, one)})
    return used - Counter(one.content for one in before)
