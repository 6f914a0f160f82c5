"""Items of benchmarks in texts: questions, passages and answers, although some of their words differ.

1. Words are those of ``plain``. A word weighs 1 (1,024 in integers) if one group of items has it, 0 if all have it:
   ln((N + 1) / n) / ln(N + 1). Words that are common in their language weigh at most a quarter; a Han character
   weighs half, a letter of another script without spaces a quarter.
2. Trigrams of a text that an item's piece has as well, in a window a quarter longer than the piece, must weigh three
   tenths of it. A trigram at more than 64 places begins no search, so common phrases do not.
3. In the window with the heaviest trigrams, words that both have count, in any order. Pieces of which half is found go
   on; their range, which ``extent`` finds, is cleared, and the search repeated, so that other copies are found as well.
4. Of a group (a question and its passage) question, passage and the heaviest answer count together, in the combination
   with the highest score: the share of the weight that was found, less in proportion if what was found, times the
   share, is lighter than 4 words that one item has; 8 for an answer alone. A short answer must be there word by word,
   anywhere in the text.

After AI2's decon (Apache-2.0, https://github.com/allenai/decon), which has n-grams, clusters and scores of questions,
answers and passages. Windows without order, all positions as seeds and numbers as one word are ours.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels.reference.extent import Seed, extent
from refinery.kernels.reference.plain import HAN, LETTERS, Unit, plain_units

QUESTION, PASSAGE, ANSWER = range(3)
"""The roles of texts of items."""

FIELDS = ("group", "row", "matched", "total", "needed", "start", "end")
MATCHES = pa.list_(pa.struct([(name, pa.uint64()) for name in FIELDS]))
"""Ranges of a text that are parts of items, best group first, in UTF-8 bytes.

``row`` is that of the answer that was found, or ``NO_ROW``. Weights are in 1,024ths; the score is
``matched / total * min(1, matched * matched / total / needed)``.
"""

NO_ROW = 2**32 - 1

ONE, ENOUGH, LIGHT, HOT, SHORT = 1024, 4 * 1024, 2 * 1024, 64, 8
SEEDS, FLOOR, TIMES, SHARING, MOST = 3, 3, 16, 64, 256

_SHARES = {HAN: 2, LETTERS: 4}
"""Numbers of words of scripts without spaces that are about a word."""

Piece = tuple[str, ...]


class Role(NamedTuple):
    """The group and the row that have a piece, and its kind."""

    group: int
    kind: int
    row: int


class Found(NamedTuple):
    """A piece in a range of the words of a text."""

    piece: Piece
    matched: int
    first: int
    last: int


class Weighed(NamedTuple):
    """Of a group: the weight that was found, of how much; the row, and the range if the search was word by word."""

    matched: int
    total: int
    row: int
    range: tuple[int, int] | None = None


class Benchmarks:
    """The questions, passages and answers of benchmarks, prepared for the search.

    ``kinds`` and ``groups`` are what each text is and the group that it is of, in the order of the groups.
    """

    def __init__(
        self,
        texts: pa.StringArray,
        kinds: npt.NDArray[np.uint8],
        groups: npt.NDArray[np.uint32],
        common: Sequence[str] = (),
    ) -> None:
        divided = [plain_units(text or "") for text in texts.to_pylist()]
        self.roles: dict[Piece, list[Role]] = {}
        for row, (units, kind, group) in enumerate(zip(divided, kinds.tolist(), groups.tolist(), strict=True)):
            self.roles.setdefault(tuple(unit.word for unit in units), []).append(Role(group, kind, row))
        self.numbers = {piece: number for number, piece in enumerate(self.roles)}
        shares = {unit.word: _SHARES[unit.kind] for units in divided for unit in units if unit.kind in _SHARES}
        self.weights = _weights(self.roles, {word for text in common for word in _single(text)}, shares)
        self.totals = {piece: sum(map(self.weights.__getitem__, piece)) for piece in self.roles}
        self.answers = _answers(self.roles)
        self.places = _places(self.roles)

    def matches(self, texts: pa.StringArray) -> pa.ListArray:
        """Return the parts of items in each text, as ``MATCHES``."""
        return pa.array([[*self._matches(text or "")] for text in texts.to_pylist()], MATCHES)

    def _matches(self, text: str) -> Iterator[dict[str, int]]:
        units = plain_units(text)
        words = [unit.word for unit in units]
        found = [one for piece, hits in self._hits(words) for one in self._windows(units, piece, hits)]
        roles = [(role, number) for number, one in enumerate(found) for role in self.roles[one.piece][:SHARING]]
        roles.sort(key=lambda each: (each[0].group, each[0].kind, each[0].row, each[1]))
        scored = [self._group(words, [*some], found) for _, some in groupby(roles, key=lambda each: each[0].group)]
        groups = sorted((group for group in scored if group), key=lambda group: -group[0])
        ends = _ends(text)
        ranges = [(match, place) for _, match, places in groups for place in places][:MOST]
        for match, (first, last) in ranges:
            yield {**match, "start": ends[units[first].start], "end": ends[units[last].end]}

    def _hits(self, words: Sequence[str]) -> list[tuple[Piece, list[Seed]]]:
        """Return the trigrams of a text in pieces of which it has enough."""
        hits = defaultdict(list)
        for unit, trigram in enumerate(_trigrams(words)):
            weight = sum(self.weights.get(word, 0) for word in trigram)
            for piece, at in self.places.get(trigram, ()):
                hits[piece].append(Seed(unit, at, weight))
        enough = (one for one in hits.items() if self._enough(sum(hit.weight for hit in one[1]), one[0]))
        return sorted(enough, key=lambda one: self.numbers[one[0]])

    def _enough(self, weight: int, piece: Piece) -> bool:
        return weight > 0 and weight * 10 >= self.totals[piece] * SEEDS

    def _windows(self, units: Sequence[Unit], piece: Piece, hits: list[Seed]) -> Iterator[Found]:
        """Yield the ranges in which most of a piece is."""
        words = [unit.word for unit in units]
        length = len(piece) + len(piece) // 4 + 3
        for _ in range(TIMES):
            start, weight = _best_window(hits, len(piece), length)
            if not self._enough(weight, piece):
                return
            end = min(start + length, len(words))
            inside = [hit for hit in hits if start <= hit.unit < end - 2]
            first, last, is_exact = extent(units, words, piece, inside, range(start, end))
            both = Counter(piece) & Counter(words[start:end])
            matched = sum(self.weights[word] * count for word, count in both.items())
            if matched * 2 >= self.totals[piece]:
                yield Found(piece, matched, first, last)
            words[first : last + 1] = [""] * (last + 1 - first)
            gone = () if is_exact else inside
            hits = [hit for hit in hits if hit not in gone and not first <= hit.unit + 2 <= last + 2]

    def _group(
        self, words: Sequence[str], roles: Sequence[tuple[Role, int]], pieces: Sequence[Found]
    ) -> tuple[int, dict[str, int], list[tuple[int, int]]] | None:
        """Return the score of a group, what was found of it, and the ranges; None below the lowest score."""
        group = roles[0][0].group
        parts = self.parts(words, roles, pieces)
        best: tuple[int, int, int, int, tuple[int, ...]] = (0, 0, 0, 1, ())
        for chosen, matched, total in combined(parts):
            needed = 2 * ENOUGH if chosen == (ANSWER,) else ENOUGH
            share = matched * 2**32 // max(total, 1)
            score = share * min(matched * share // needed, 2**32) // 2**32
            if score >= best[0]:
                best = (score, matched, total, needed, chosen)
        score, matched, total, needed, chosen = best
        if score * 10 < FLOOR * 2**32:
            return None
        places = {(pieces[number].first, pieces[number].last) for role, number in roles if role.kind in chosen}
        answer = parts[ANSWER] if ANSWER in chosen else None
        if answer and answer.range:
            places.add(answer.range)
        row = answer.row if answer else NO_ROW
        match = {"group": group, "row": row, "matched": matched, "total": total, "needed": needed}
        return score, match, sorted(places)

    def parts(
        self, words: Sequence[str], roles: Sequence[tuple[Role, int]], pieces: Sequence[Found]
    ) -> list[Weighed | None]:
        """Return question, passage and answer of a group, each None if it is not there."""
        parts = [self._part(kind, roles, pieces) for kind in (QUESTION, PASSAGE, ANSWER)]
        question = parts[QUESTION]
        if question and question.matched >= LIGHT:
            parts[ANSWER] = self._exact(words, roles[0][0].group, parts[ANSWER])
        return parts

    def _part(self, kind: int, roles: Iterable[tuple[Role, int]], pieces: Sequence[Found]) -> Weighed | None:
        """Return the heaviest piece of a kind that was found, of several the last one of the first row."""
        some = [(pieces[number], role.row, number) for role, number in roles if role.kind == kind]
        if not some:
            return None
        one, row, _ = max(some, key=lambda each: (each[0].matched, -each[1], each[2]))
        return Weighed(one.matched, self.totals[one.piece], row)

    def _exact(self, words: Sequence[str], group: int, part: Weighed | None) -> Weighed | None:
        """Return the heaviest short answer that is there word by word, if it is heavier than ``part``."""
        for piece, row in self.answers.get(group, ()):
            total = self.totals[piece]
            if not piece or len(piece) > SHORT or (part and part.matched >= total):
                continue
            for at in range(len(words) - len(piece) + 1):
                if tuple(words[at : at + len(piece)]) == piece:
                    part = Weighed(total, total, row, (at, at + len(piece) - 1))
                    break
        return part


def match_scores(matches: pa.StructArray) -> npt.NDArray[np.float64]:
    """Return the scores of matches, from 0 to 1."""
    matched, total, needed = (matches.field(name).to_numpy().astype(np.float64) for name in FIELDS[2:5])
    shares = matched / np.maximum(total, 1)
    scores: npt.NDArray[np.float64] = shares * np.minimum(1, matched * shares / needed)
    return scores


def _single(text: str) -> Sequence[str]:
    """Return the word of a text that is one word."""
    words = [unit.word for unit in plain_units(text)]
    return words if len(words) == 1 else ()


def _weights(roles: dict[Piece, list[Role]], common: set[str], shares: dict[str, int]) -> dict[str, int]:
    """Return the rarity of each word."""
    by_group: dict[int, set[str]] = defaultdict(set)
    for piece, some in roles.items():
        for role in some:
            by_group[role.group].update(piece)
    counts = Counter(word for words in by_group.values() for word in words)
    most = math.log(len(by_group) + 1)
    weights = {}
    for word, count in counts.items():
        weight = math.floor(math.log((len(by_group) + 1) / count) / most * ONE + 0.5)
        weight = min(weight, ONE // 4) if word in common else weight
        weights[word] = weight // shares.get(word, 1)
    return weights


def _answers(roles: dict[Piece, list[Role]]) -> dict[int, list[tuple[Piece, int]]]:
    """Return the answers of each group in the order of their rows, with these."""
    answers = sorted((role.row, role.group, piece) for piece, some in roles.items() for role in some if role.kind == 2)
    found = defaultdict(list)
    for row, group, piece in answers:
        found[group].append((piece, row))
    return found


def _places(roles: dict[Piece, list[Role]]) -> dict[Piece, list[tuple[Piece, int]]]:
    """Return the places of each trigram, without those that are at too many."""
    places = defaultdict(list)
    for piece, some in roles.items():
        if len(piece) > SHORT or any(role.kind != ANSWER for role in some):
            for at, trigram in enumerate(_trigrams(piece)):
                places[trigram].append((piece, at))
    return {trigram: some for trigram, some in places.items() if len(some) <= HOT}


def _trigrams(words: Sequence[str]) -> list[Piece]:
    return list(zip(words, words[1:], words[2:], strict=False))


def _best_window(hits: Sequence[Seed], size: int, length: int) -> tuple[int, int]:
    """Return the start of the window with the heaviest trigrams, and their weight; of several the first."""
    starts = sorted({max(hit.unit - hit.at - size // 8, 0) for hit in hits})
    sums = [(start, sum(hit.weight for hit in hits if start <= hit.unit < start + length - 2)) for start in starts]
    return max(sums, key=lambda each: each[1], default=(0, 0))


def combined(parts: Sequence[Weighed | None]) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Yield the combinations of question, passage and answer that are there: the weight that was found, of how much."""
    for bits in range(1, 8):
        chosen = tuple(kind for kind in range(3) if bits >> kind & 1)
        some = [part for kind in chosen if (part := parts[kind])]
        if len(some) == len(chosen):
            yield chosen, sum(part.matched for part in some), sum(part.total for part in some)


def _ends(text: str) -> list[int]:
    """Return the number of bytes before each character, and of all."""
    ends = [0]
    for character in text:
        ends.append(ends[-1] + len(character.encode()))
    return ends
