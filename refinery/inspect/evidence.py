"""Marks on a text: the cuts of a stage, or the evidence for the removal of a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from refinery.inspect.outcomes import Cut, StageOutcome
from refinery.stage.base import Stage

LONGEST = 4_000_000
"""Characters of the longest text in which evidence is searched: stages have no kernels for that."""


@dataclass(frozen=True)
class Mark:
    """A range of a text in characters, with the rule that it fails; if ``cut``, with the reason of the cut."""

    start: int
    end: int
    reason: str
    cut: bool = False


def evidence(stage: Stage, outcome: StageOutcome, text: str) -> tuple[Mark, ...]:
    """Return the cuts of a stage in its input text; if there are none, the evidence of the failed rules, in order.

    No mark overlaps another: the first of several rules counts. Cuts that do not match the text are left out. In a text
    of more than ``LONGEST`` characters only cuts are marked.
    """
    cuts = tuple(_cuts(text, outcome.cut))
    return cuts or (tuple(_counted(stage, outcome.failed, text)) if len(text) <= LONGEST else ())


def marked(text: str, marks: Sequence[Mark], length: int) -> list[tuple[str, Mark | None]]:
    """Split the first ``length`` characters of a text into pieces, each with its mark, or with none."""
    found: list[tuple[str, Mark | None]] = []
    at = 0
    for mark in marks:
        found += [(text[at : min(mark.start, length)], None), (text[mark.start : min(mark.end, length)], mark)]
        at = mark.end
    found.append((text[at:length], None))
    return [(piece, mark) for piece, mark in found if piece]


def _cuts(text: str, cuts: Sequence[Cut]) -> Iterator[Mark]:
    data = text.encode("utf-8", "replace")
    at = char = 0
    for cut in sorted(cuts, key=lambda one: one.offset):
        end = cut.offset + cut.length
        if not at <= cut.offset < end <= len(data):
            continue
        try:
            start = char + len(data[at : cut.offset].decode())
            found = data[cut.offset : end].decode()
        except UnicodeDecodeError:
            continue
        if cut.text in (None, found):
            at, char = end, start + len(found)
            yield Mark(start, char, cut.reason or "cut", cut=True)


def _counted(stage: Stage, failed: Sequence[str], text: str) -> Iterator[Mark]:
    metrics = {rule.id: rule.metric for rule in stage.rules()}
    rules = [rule for rule in failed if rule in metrics][:255]  # a byte tells which
    painted = bytearray(len(text))
    for place in reversed(range(len(rules))):
        for start, end in stage.highlights(text, metrics[rules[place]]):
            painted[start:end] = bytes([place + 1]) * (end - start)
    at = 0
    for place, run in groupby(painted):
        length = sum(1 for _ in run)
        if place:
            yield Mark(at, at + length, rules[place - 1])
        at += length
