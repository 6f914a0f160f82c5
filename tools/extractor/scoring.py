"""Scores of an extracted text against a gold text, and their means by group."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

WORD = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u3040-\u30ff]|[^\W_]+")


class Score(NamedTuple):
    """F1, precision and recall of the bags of words; F1 of the sets of four words in a row."""

    f1: float
    precision: float
    recall: float
    shingle_f1: float


def words(text: str) -> list[str]:
    """Runs of letters and digits, folded; a CJK character is a word."""
    return WORD.findall(unicodedata.normalize("NFC", text).casefold())


def score(gold: str, text: str) -> Score:
    """The scores of a text; an empty one has none."""
    wanted, found = words(gold), words(text)
    bag = sum((Counter(wanted) & Counter(found)).values())
    ours, theirs = _shingles(found), _shingles(wanted)
    return Score(
        _f1(bag, len(found), len(wanted)),
        bag / len(found) if found else 0.0,
        bag / len(wanted) if wanted else 0.0,
        _f1(len(ours & theirs), len(ours), len(theirs)),
    )


def _shingles(text: list[str]) -> set[tuple[str, ...]]:
    return {tuple(text[at : at + 4]) for at in range(max(1, len(text) - 3))} if text else set()


def _f1(overlap: int, found: int, wanted: int) -> float:
    return 2 * overlap / (found + wanted) if found + wanted else 1.0


def table(rows: Iterable[tuple[tuple[str, ...], Score]]) -> str:
    """The means by group, of rows that name the groups a page is in."""
    groups: defaultdict[str, list[Score]] = defaultdict(list)
    for names, found in rows:
        for name in names:
            groups[name].append(found)
    lines = [f"{'group':46} pages  word F1       P       R  shingle F1"]
    for name, scores in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        means = [float(np.mean(column)) for column in zip(*scores, strict=True)]
        lines.append(f"{name:46} {len(scores):5d} " + " ".join(f"{mean:8.4f}" for mean in means))
    return "\n".join(lines)
