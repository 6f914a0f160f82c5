"""The source as a step that leaves out the documents that were taken down, so that no run brings them back."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from refinery.root.document_list import DocumentList
from refinery.stage.documents import Docs
from refinery.stage.rules import Verdict
from refinery.task.document_pass import PassStep
from refinery.task.measured import Measured
from refinery.task.step import Split


class UnlistedStep:
    """A source's step without the documents of a list. ``left_out`` counts them: they are in no split."""

    def __init__(self, step: PassStep, listed: DocumentList) -> None:
        self._step, self._listed = step, listed
        self.left_out = 0

    def process(self, docs: Docs, measured: Measured | None = None) -> Split:
        """Process a batch, and drop what the list has."""
        split = self._step.process(docs, measured)
        listed = self._listed.mask(split.before.batch)
        if not listed.true_count:
            return split
        self.left_out += listed.true_count
        rest = pc.invert(listed)
        kept = split.kept.filter(rest.filter(split.verdict.kept))
        return Split(split.before.filter(rest), kept, _filtered(split.verdict, rest))


def _filtered(verdict: Verdict, mask: pa.BooleanArray) -> Verdict:
    return replace(
        verdict,
        first=verdict.first.filter(mask),
        failed=verdict.failed.filter(mask),
        metrics=verdict.metrics.filter(mask),
        trouble=replace(
            verdict.trouble, rule=verdict.trouble.rule.filter(mask), note=verdict.trouble.note.filter(mask)
        ),
        languages=None if verdict.languages is None else verdict.languages.filter(mask),
    )
