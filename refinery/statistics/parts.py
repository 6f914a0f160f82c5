"""Parts of a stage that a person should look at: input files that are broken, and parts that differ from the others.

Everything follows from receipts and from the statistics of parts, so that whoever looks at a root finds the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from refinery.root.manifests import InputFault, InputFigures, Outlier
from refinery.root.receipts import ListedFault, ListedFiles, Receipt
from refinery.root.takedowns import TAKEN_DOWN
from refinery.stage.base import Source

FEW = 0.01
"""An input of which a smaller share of the records is damaged is not broken."""

OUTLIERS = 3
"""Outliers of a stage that are listed."""

OUTLIER_DOCUMENTS = 100
OUTLIER_SHARE = 0.25
"""A part with so many documents is an outlier where its kept share is so far from that of all parts."""

SLOW, SLOW_SECONDS = 5.0, 10.0
"""A part is slow that takes so many times the median, and more than so many seconds."""


def input_figures(
    source: Source, receipts: Sequence[Receipt], counts: Sequence[Mapping[str, int]], paths: Mapping[str, str]
) -> InputFigures:
    """Sum up the input files of a source.

    ``counts`` has for each receipt the records of its part by the reason of their removal, ``paths`` the input files by
    their content id.
    """
    declared = {rule.id: rule.damage for rule in source.rules() if rule.damage}
    faults, files = list[InputFault](), 0
    for receipt, reasons in zip(receipts, counts, strict=True):
        path, rows = paths.get(receipt.inputs[0], ""), receipt.rows
        listed = receipt.listed or ListedFiles(1, (ListedFault(path, rows["in"], rows["kept"], dict(reasons)),))
        files += listed.files
        faults += (found for one in listed.faults if (found := _fault(source, declared, receipt.part, one)))
    return InputFigures(files=files, faults=tuple(faults))


def _fault(source: Source, declared: Mapping[str, str], part: int, file: ListedFault) -> InputFault | None:
    damage = {reason: number for reason, number in file.reasons.items() if reason in declared}
    if not damage and file.documents:
        return None
    empty = not file.documents and not file.reasons.get(TAKEN_DOWN)
    ended = any(declared[reason] == "end" for reason in damage)
    return InputFault(
        path=file.path,
        part=part,
        records=file.records,
        documents=file.documents,
        damage=damage,
        broken=ended or empty or sum(damage.values()) >= FEW * file.records,
        remedy=source.remedy(file.reasons, file.documents),
    )


def outliers(receipts: Sequence[Receipt]) -> tuple[Outlier, ...]:
    """Return the first parts of a stage that keep another share than the others, or take far longer."""
    return tuple(_outliers(receipts))[:OUTLIERS]


def _outliers(receipts: Sequence[Receipt]) -> Iterator[Outlier]:
    given = sum(map(_documents, receipts))
    mean = sum(receipt.rows["kept"] for receipt in receipts) / given if given else 0.0
    times = sorted(receipt.seconds for receipt in receipts)
    median = times[len(times) // 2] if times else 0.0
    for receipt in receipts:
        documents, kept, seconds = _documents(receipt), receipt.rows["kept"], receipt.seconds
        if documents >= OUTLIER_DOCUMENTS and abs(kept / documents - mean) > OUTLIER_SHARE:
            yield Outlier(part=receipt.part, measure="kept", value=kept / documents, usual=mean)
        if len(times) > OUTLIERS and seconds > max(SLOW * median, SLOW_SECONDS):
            yield Outlier(part=receipt.part, measure="seconds", value=seconds, usual=median)


def _documents(receipt: Receipt) -> int:
    """Return how many documents a part was given: records that are none do not count, for a file need not have any."""
    return receipt.rows["in"] - receipt.rows["skipped"]
