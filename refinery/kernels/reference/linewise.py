"""Line-wise corrections: junk lines are discarded, short lines lose known phrases, and every cut can be undone.

Works on texts; which phrases, and how much of a document may go, is the caller's business. A line is what lies between
newlines, a word what lies between white space, divided at cuts where they are given. Phrases are compared word by word:
in lower case, without the punctuation around a word, and words of punctuation only are passed over. So "read more" is
found in "Read more...", "Read more…" and "» Read More", and never inside a word.

A phrase is cut only where it stands alone: towards each side that has other words there is one of ``DELIMITERS``, or
before it a word without letters. So it is cut from "The story goes on. Read more" and "3 items in cart", and stays in
"Visit us to read more", which it is a part of.

A line is corrected until no rule applies to what is left of it, so correcting a corrected text changes nothing. Lines
that touch a protected span are left as they are: code and tables have short lines that are no junk.

Source: Penedo et al. 2023, arXiv 2306.01116, section G.2, which names the rules with one example of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, islice
from typing import Any, NamedTuple

import pyarrow as pa

from refinery.kernels.reference.counters import DIGIT_GROUPS, NUMBER, counter_form, is_number
from refinery.kernels.reference.cuts import SPANS, TextCut, spans_of, without
from refinery.kernels.reference.phrases import Phrase, find_phrase
from refinery.kernels.reference.segmenter import Span, cuts_of, divided, divisions
from refinery.kernels.reference.text import bare, stripped

KINDS = ("uppercase", "numeric", "counter", "one_word", "start", "end", "anywhere")
"""Why something is removed: the first four discard a whole line, the others cut a phrase from a short one."""

BREAK = "break"
"""Why a blank line is removed: the line that it set apart is gone, and there is a blank line before that one."""

CORRECTIONS = pa.schema(
    [
        ("text", pa.string()),
        ("removed_words", pa.float64()),
        ("flagged_words", pa.float64()),
        *((f"{kind}_lines", pa.uint32()) for kind in KINDS),
        ("removed", SPANS),
    ]
)
"""The columns of ``correct_lines``: the new text, two shares of the words before, lines by kind, removed spans."""


@dataclass(frozen=True)
class LineRules:
    """Parameters of the rules: phrases by the place where they are cut, and counters.

    A counter is a noun, which its number precedes ("likes"), or has ``NUMBER`` in the place of it ("Comments (#)").
    """

    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    anywhere: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    max_uppercase: float = 0.5
    shares_of_letters: bool = True
    """A line goes with a larger share of uppercase, of letters or of all characters; then numbers are digits."""
    short_line: int = 10
    """Phrases are cut from lines of at most so many words."""
    kinds: frozenset[str] = frozenset(KINDS)
    """The rules that are applied, of ``KINDS``."""
    segmented: bool = False
    """True if phrases have the words of ``segmenter.words``, as texts with cuts do; else those between white space."""
    divisions: Callable[[str], list[list[str]]] = field(default=divisions, compare=False)

    @cached_property
    def phrases(self) -> Mapping[str, frozenset[Phrase]]:
        """The phrases as bare words, by place."""
        places = {"start": self.start, "end": self.end, "anywhere": self.anywhere}
        return {
            place: frozenset(
                tuple(_core(words)) for phrase in given if place in self.kinds for words in self._divisions(phrase)
            )
            for place, given in places.items()
        }

    def _divisions(self, phrase: str) -> list[list[str]]:
        return self.divisions(phrase) if self.segmented else [phrase.split()]

    @cached_property
    def counters(self) -> frozenset[Phrase]:
        """The counters as bare words, with ``NUMBER`` for the number."""
        written = (given if NUMBER in given else f"{NUMBER} {given}" for given in self.counted)
        return frozenset(
            counter_form(words) for given in written for words in self._divisions(given.replace(NUMBER, "0"))
        )

    @cached_property
    def longest_counter(self) -> int:
        """Words of the longest line that is a counter."""
        return max(map(len, self.counters), default=0) + DIGIT_GROUPS - 1

    @cached_property
    def longest(self) -> int:
        """Words of the longest phrase."""
        return max((len(phrase) for given in self.phrases.values() for phrase in given), default=0)


class CorrectedLine(NamedTuple):
    """The outcome for a line: its words, how many go. ``whole`` is true if ``cuts`` is one cut of the whole line."""

    words: int
    removed: int = 0
    cuts: tuple[TextCut, ...] = ()
    whole: bool = False
    blank: bool = False
    """Without words, and in no protected span."""


class Protected(NamedTuple):
    """A span of a text that stays as it is, in UTF-8 bytes."""

    start: int
    end: int


def correct_lines(
    texts: pa.StringArray,
    rules: LineRules,
    protected: pa.ListArray | None = None,
    cuts: pa.ListArray | None = None,
) -> pa.RecordBatch:
    """The columns of ``CORRECTIONS`` for each text; a null text counts as empty.

    ``removed_words`` counts the words that went, ``flagged_words`` all words of the lines that any rule touched: both
    readings of the paper's 5 %. A line counts under each kind that cut it.

    ``protected`` are spans of each text, of the type ``list<struct<start, end, …>>`` in UTF-8 bytes, in order and
    without overlap; null for none. ``cuts`` divide words, as those of ``segmenter.word_cuts`` do.
    """
    spans = protected.to_pylist() if protected is not None else [None] * len(texts)
    rows = [
        _correct(text, divided(text, places), rules, [Protected(span["start"], span["end"]) for span in given or ()])
        for (text, places), given in zip(cuts_of(texts, cuts), spans, strict=True)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=CORRECTIONS)


def _correct(text: str, spans: Sequence[Span], rules: LineRules, protected: Sequence[Protected]) -> dict[str, Any]:
    pieces = text.split("\n")
    stays = _protected_lines(pieces, protected)
    lines = [
        CorrectedLine(len(within)) if kept else _apply_rules(piece, within, rules)
        for piece, within, kept in zip(pieces, _by_line(pieces, spans), stays, strict=True)
    ]
    cuts = _cuts(pieces, _with_breaks(pieces, lines))
    after = without(text, cuts)
    words = sum(line.words for line in lines)
    kinds = Counter(reason for line in lines for reason in {cut.reason for cut in line.cuts})
    return {
        "text": after,
        "removed_words": sum(line.removed for line in lines) / words if words else 0.0,
        "flagged_words": sum(line.words for line in lines if line.cuts) / words if words else 0.0,
        **{f"{kind}_lines": kinds[kind] for kind in KINDS},
        "removed": spans_of(text, cuts),
    }


def _by_line(pieces: Sequence[str], spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Yield for each line its words, as places in the line."""
    start = passed = 0
    for piece in pieces:
        end = start + len(piece)
        within = []
        while passed < len(spans) and spans[passed][0] < end:
            within.append((spans[passed][0] - start, spans[passed][1] - start))
            passed += 1
        yield within
        start = end + 1


def _protected_lines(pieces: Sequence[str], protected: Sequence[Protected]) -> list[bool]:
    """Return True for lines that share a byte with a protected span, and for empty lines inside one."""
    found = []
    start = passed = 0
    for piece in pieces:
        end = start + len(piece.encode())
        while passed < len(protected) and protected[passed].end <= start:
            passed += 1
        found.append(passed < len(protected) and protected[passed].start < max(end, start + 1))
        start = end + 1
    return found


def _apply_rules(line: str, spans: Sequence[Span], rules: LineRules) -> CorrectedLine:
    words = [line[start:end] for start, end in spans]
    if not words:
        return CorrectedLine(0, blank=True)
    if junk := _junk(line, words, rules):
        return _discarded(line, words, junk)
    reasons = _phrases(words, rules) if len(words) <= rules.short_line else []
    if not any(reasons):
        return CorrectedLine(len(words))
    kept = [word for word, reason in zip(words, reasons, strict=True) if not reason]
    junk = _junk(" ".join(kept), kept, rules) if _core(kept) else next(filter(None, reasons))
    if junk:
        return _discarded(line, words, junk)
    return CorrectedLine(len(words), len(words) - len(kept), _word_cuts(spans, reasons))


def _discarded(line: str, words: Sequence[str], reason: str) -> CorrectedLine:
    return CorrectedLine(len(words), len(words), (TextCut(0, len(line), reason),), whole=True)


def _junk(line: str, words: Sequence[str], rules: LineRules) -> str:
    """Why a line of these words is discarded, "" where it is not."""
    letters = list(filter(str.isalpha, joined := "".join(words)))
    whole = letters if rules.shares_of_letters else line
    found = {
        "uppercase": letters and sum(map(str.isupper, letters)) / len(whole) > rules.max_uppercase,
        "numeric": is_number(joined) if rules.shares_of_letters else line.isdigit(),
        "counter": _is_counter(words, rules),
        "one_word": len(words) == 1,
    }
    return next((kind for kind, holds in found.items() if holds and kind in rules.kinds), "")


def _is_counter(words: Sequence[str], rules: LineRules) -> bool:
    """Return True if the words are a counter: "3 likes", "♥ 1.2K views", "1 234 vues", "3件"."""
    core = tuple(islice(filter(stripped, words), rules.longest_counter + 1))
    return len(core) <= rules.longest_counter and counter_form(core) in rules.counters


def _core(words: Iterable[str]) -> list[str]:
    return [core for core in map(bare, words) if core]


def _phrases(words: Sequence[str], rules: LineRules) -> list[str]:
    """For each word the place of the phrase that takes it, "" where it stays.

    A phrase at the end of the line takes the words of punctuation before it, any other those after it.
    """
    reasons = [""] * len(words)
    left = list(range(len(words)))  # the words that stay so far
    while found := find_phrase([words[position] for position in left], rules.phrases, rules.longest):
        place, first, stop = found
        for position in left[first:stop]:
            reasons[position] = place
        del left[first:stop]
    return reasons


def _word_cuts(spans: Sequence[Span], reasons: Sequence[str]) -> tuple[TextCut, ...]:
    """Cuts of whole words with the white space after them, or before them where no word stays after them."""
    last_kept = max(position for position, reason in enumerate(reasons) if not reason)
    cuts = []
    for reason, group in groupby(range(len(reasons)), reasons.__getitem__):
        if reason:
            taken = list(group)
            start, end = spans[taken[0]][0], spans[taken[-1]][1]
            if taken[0] > last_kept:
                start = spans[taken[0] - 1][1]
            else:
                end = spans[taken[-1] + 1][0]
            cuts.append(TextCut(start, end, reason))
    return tuple(cuts)


def _with_breaks(pieces: Sequence[str], lines: Sequence[CorrectedLine]) -> list[CorrectedLine]:
    """The lines, and blank ones discarded where they would follow a blank line or stand at either end of the text.

    Only blank lines beside a discarded line are touched.
    """
    result = list(lines)
    beside, blank = False, True  # whether the line before is discarded, and whether the last kept one is blank
    for position, (piece, line) in enumerate(zip(pieces, lines, strict=True)):
        if beside and blank and line.blank:
            result[position] = _discarded(piece, (), BREAK)
        else:
            beside = line.whole
            blank = blank if line.whole else line.blank
    last_kept = max((position for position, line in enumerate(result) if not line.blank and not line.whole), default=-1)
    for position in range(last_kept + 1, len(lines) if beside else 0):
        result[position] = lines[position] if lines[position].whole else _discarded(pieces[position], (), BREAK)
    return result


def _cuts(pieces: Sequence[str], lines: Sequence[CorrectedLine]) -> list[TextCut]:
    """The cuts of all lines as cuts of the text.

    A discarded line goes with its newline; after the last line that stays it is the newline before.
    """
    last_kept = max((position for position, line in enumerate(lines) if not line.whole), default=len(lines))
    cuts = []
    offset = 0
    for position, (piece, line) in enumerate(zip(pieces, lines, strict=True)):
        before = line.whole and position > last_kept
        after = line.whole and position < min(last_kept, len(lines) - 1)
        cuts += [TextCut(offset + cut.start - before, offset + cut.end + after, cut.reason) for cut in line.cuts]
        offset += len(piece) + 1
    return cuts
