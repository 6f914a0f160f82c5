"""The text of one document as it was extracted, with the cuts of later stages marked in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from refinery.inspect.evidence import Mark, evidence
from refinery.inspect.outcomes import StageOutcome
from refinery.inspect.rendered import NO_PAGE, RenderedText
from refinery.stage.base import Stage, changes_text

Range = tuple[int, int]
"""Characters of a text: start and end."""


@dataclass(frozen=True)
class Passed:
    """One stage that the document came to. ``text`` is the text after it, None where it is not known.

    ``rendered`` is its page where it has a structure.
    """

    name: str
    stage: Stage
    outcome: StageOutcome | None
    text: str | None
    assuming: tuple[str, ...] = ()
    rendered: RenderedText = NO_PAGE


@dataclass(frozen=True)
class MarkedText:
    """A text after ``stage``, with marks on the cuts of later stages, or on the evidence for the removal.

    ``assuming`` are the stages that would have had to keep the document for it to have this text. The reason of a mark
    is ``stage: reason``. ``rendered`` is its page where it has a structure.
    """

    stage: str
    text: str
    marks: tuple[Mark, ...] = ()
    assuming: tuple[str, ...] = ()
    rendered: RenderedText = NO_PAGE

    @property
    def cuts(self) -> int:
        """The number of marks that are cuts."""
        return sum(mark.cut for mark in self.marks)


def marked_texts(way: Iterable[Passed]) -> tuple[MarkedText, ...]:
    """Return the document's texts, from its stages in order: a stage that does not only cut adds one.

    The way ends with the stage that removed it; without a text by then, with the first that would make one.
    """
    found: list[_Text] = []
    for one in way:
        if one.assuming and found:
            break
        if found and one.outcome is not None:
            found[-1].mark(one.name, one.stage, one.outcome)
        if one.text is not None and changes_text(one.stage) and not (found and found[-1].becomes(one.text)):
            found.append(_Text(MarkedText(one.name, one.text, (), one.assuming, one.rendered)))
        if found and (one.assuming or (one.outcome is not None and one.outcome.rule)):
            break
    return tuple(text.marked() for text in found)


class _Text:
    """A text between stages: the ranges that are left, and the marks so far, both in characters of the first text."""

    def __init__(self, first: MarkedText) -> None:
        self._first = first
        self._left: list[Range] = [(0, len(first.text))]
        self._cuts: list[Range] = []
        self._marks: list[Mark] = []

    def marked(self) -> MarkedText:
        """Return the text with its marks in order."""
        return replace(self._first, marks=tuple(sorted(self._marks, key=lambda mark: mark.start)))

    def mark(self, name: str, stage: Stage, outcome: StageOutcome) -> None:
        """Mark the cuts of a stage in what is left of the text, or the evidence for the removal."""
        self._cuts = []
        for mark in evidence(stage, outcome, _joined(self._first.text, self._left)):
            ranges = list(_within(self._left, mark.start, mark.end))
            self._marks += [replace(mark, start=a, end=b, reason=f"{name}: {mark.reason}") for a, b in ranges]
            self._cuts += ranges if mark.cut else []

    def becomes(self, text: str) -> bool:
        """Take the stage's cuts out. Return False where the rest is not the text after the stage."""
        left = list(_without(self._left, self._cuts))
        if _joined(self._first.text, left) == text:
            self._left = left
            return True
        return _joined(self._first.text, self._left) == text


def _joined(text: str, ranges: Sequence[Range]) -> str:
    return "".join(text[start:end] for start, end in ranges)


def _within(ranges: Sequence[Range], start: int, end: int) -> Iterator[Range]:
    """Yield the parts of ``ranges`` that are characters ``start`` to ``end`` of the ranges joined."""
    at = 0
    for low, high in ranges:
        first, last = max(start, at), min(end, at + high - low)
        if first < last:
            yield low + first - at, low + last - at
        at += high - low


def _without(ranges: Sequence[Range], gone: Sequence[Range]) -> Iterator[Range]:
    """Yield the ranges less those in ``gone``, each of which lies within one of them; both are in order."""
    for low, high in ranges:
        at = low
        for start, end in gone:
            if low <= start and end <= high:
                if at < start:
                    yield at, start
                at = end
        if at < high:
            yield at, high
