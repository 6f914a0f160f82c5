"""Stage ``foreign_lines``: cuts lines in other languages than the document's, and keeps them as evidence.

Each line of some length is classified alone. It is foreign if its language is certain and neither the document's nor
close to it. Lines that an earlier stage marks as code or table stay, and so do all lines of a document whose language
is not known, or which the model lacks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from refinery import LANG, PROTECTED, STRUCTURE, TEXT, Asset, Docs, Edit, Edited, Metric, Rule, threshold
from refinery.kernels import SPANS
from refinery.stages._identification import OWN, are_close, identified, languages_of, model_languages

Spans = Sequence[Mapping[str, Any]]


class ForeignLines(Edit):
    """Cut lines in other languages out of the text.

    ``removed`` lists what was cut, by UTF-8 byte offset in the text before, with the language of each line as reason,
    so that the cut can be undone.
    """

    name: ClassVar = "foreign_lines"
    version: ClassVar = 2
    depends: ClassVar = ("fasttext-predict",)
    uses: ClassVar = (PROTECTED.name, STRUCTURE.name, LANG.name)
    adds: ClassVar = (TEXT, PROTECTED)
    metrics: ClassVar = (
        Metric("cut_lines", pa.uint32(), "count", "lines", "lines in other languages"),
        Metric("removed_characters", help="share of the characters that were cut"),
    )
    evidence: ClassVar = (pa.field("removed", SPANS),)

    min_score: float = Field(0.9, ge=0, le=1, description="least probability of the other language")
    min_letters: int = Field(40, ge=1, description="letters of the shortest line that is cut")
    max_removed: float = threshold(0.5, ge=0, le=1, description="share of its characters that a document may lose")
    model: Asset = Field(Asset(OWN), description="fastText model, as of the stage language")

    def rules(self) -> tuple[Rule, ...]:
        """A document of which most is foreign has no main language."""
        return (Rule("too_much_removed", "removed_characters", "Most of it is foreign.", at_most=self.max_removed),)

    def check_asset(self, name: str, asset: Asset) -> None:
        """Load the model."""
        del name
        identified(pa.array(["a text"]), asset)

    def edit(self, docs: Docs) -> Edited:
        """The texts without foreign lines, and what was cut."""
        texts = docs.texts()
        foreign = self._foreign(docs, texts)
        cut = [_without(text, foreign.get(row, {})) for row, text in enumerate(texts)]
        removed = [sum(len(span["text"]) for span in spans) for _, spans in cut]
        protected = [_moved(spans, gone) for spans, (_, gone) in zip(_protected(docs), cut, strict=True)]
        return Edited(
            {
                "text": pa.array([after for after, _ in cut], pa.string()),
                PROTECTED.name: pa.array(protected, PROTECTED.type),
            },
            {
                "cut_lines": pa.array([len(spans) for _, spans in cut], pa.uint32()),
                "removed_characters": pa.array(
                    [gone / max(len(text), 1) for gone, text in zip(removed, texts, strict=True)], pa.float64()
                ),
                "removed": pa.array([spans for _, spans in cut], SPANS),
            },
        )

    def _foreign(self, docs: Docs, texts: Sequence[str]) -> dict[int, dict[int, str]]:
        """Return the languages of foreign lines, by document and number of the line."""
        known = model_languages(self.model)
        mains = docs.languages().to_pylist()
        places = [
            (row, number, line)
            for row, (text, spans) in enumerate(zip(texts, _protected(docs), strict=True))
            if mains[row] in known
            for number, line in _unprotected(text, spans)
            if len(line) >= self.min_letters and _letters(line) >= self.min_letters
        ]
        labels, scores, _ = identified(pa.array([line for *_, line in places], pa.string()), self.model)
        found: dict[int, dict[int, str]] = {}
        for (row, number, _), code, score in zip(
            places, languages_of(labels).to_pylist(), scores.to_pylist(), strict=True
        ):
            if score >= self.min_score and not are_close(code, mains[row]):
                found.setdefault(row, {})[number] = code
        return found


def _letters(line: str) -> int:
    """Count letters as identification does: all but ASCII's digits, punctuation and white space."""
    return sum(character > "\x7f" or character.isalpha() for character in line)


def _protected(docs: Docs) -> list[Spans]:
    protected = docs.protected()
    return [()] * len(docs) if protected is None else [spans or () for spans in protected.to_pylist()]


def _unprotected(text: str, spans: Spans) -> Iterator[tuple[int, str]]:
    """Yield the lines that touch no span, with their numbers."""
    lines = text.split("\n")
    ends = list(accumulate(len(line.encode()) + 1 for line in lines)) if spans else []
    touched = {
        number
        for span in spans
        for number in range(bisect_left(ends, span["start"] + 1), bisect_left(ends, span["end"]) + 1)
    }
    yield from ((number, line) for number, line in enumerate(lines) if number not in touched)


def _moved(spans: Spans, removed: Spans) -> list[dict[str, Any]]:
    """Return spans that nothing was cut from, by their places in the text after."""
    ends = [span["offset"] for span in removed]
    gone = [0, *accumulate(span["length"] for span in removed)]
    shifts = [gone[bisect_left(ends, span["end"])] for span in spans]
    return [
        {**span, "start": span["start"] - shift, "end": span["end"] - shift}
        for span, shift in zip(spans, shifts, strict=True)
    ]


def _without(text: str, foreign: Mapping[int, str]) -> tuple[str, list[dict[str, Any]]]:
    """Return a text without lines, and their spans. A line goes with its newline, the last ones with that before."""
    lines = text.split("\n")
    last = max((number for number in range(len(lines)) if number not in foreign), default=len(lines))
    offset, spans = 0, []
    for number, line in enumerate(lines):
        if number in foreign:
            before, after = number > last, number < min(last, len(lines) - 1)
            whole = "\n" * before + line + "\n" * after
            span = {"offset": offset - before, "length": len(whole.encode()), "reason": foreign[number]}
            spans.append({**span, "text": whole, "cut": True})
        offset += len(line.encode()) + 1
    return "\n".join(line for number, line in enumerate(lines) if number not in foreign), spans
