"""Made-up documents of which some are edited copies of others, in ways that pages of the web are.

Words follow Zipf's law, sentences have capitals and full stops. Seven kinds of edits, each from slight to strong.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

VOCABULARY = [f"{'bcdfghjklmnpqrstvwz'[i % 19]}{'aeiou'[i % 5]}{'lmnrst'[i % 6]}{i:x}" for i in range(30_000)]
WEIGHTS = list(accumulate(1 / (rank + 5) for rank in range(len(VOCABULARY))))
FRAMES = 200
"""Headers and footers that many documents have."""

Words = list[str]


@dataclass(frozen=True)
class Made:
    """A text, the family that it belongs to, and how it was edited: "" for the first of a family."""

    text: str
    family: int
    edit: str


def planted(count: int, seed: int = 1) -> list[Made]:
    """So many documents in random order: three of ten alone, the others in families of two and more."""
    draw = random.Random(seed)  # noqa: S311  nothing secret
    frames = [_prose(draw, draw.randint(5, 60)) for _ in range(FRAMES)]
    made: list[Made] = []
    family = 0
    while len(made) < count:
        words = _prose(draw, min(1_000, max(30, int(draw.lognormvariate(4.6, 0.5)))))
        made.append(Made(" ".join(words), family, ""))
        copies = 0 if draw.random() < 0.6 else min(20, int(draw.paretovariate(1.2)))
        for _ in range(copies):
            name = draw.choice(list(EDITS))
            made.append(Made(EDITS[name](words, frames, draw), family, name))
        family += 1
    del made[count:]
    draw.shuffle(made)
    return made


def _prose(draw: random.Random, count: int) -> Words:
    words = draw.choices(VOCABULARY, cum_weights=WEIGHTS, k=count)
    start = 0
    while start < count:
        words[start] = words[start].capitalize()
        start += draw.randint(5, 20)
        end = min(start, count) - 1
        words[end] += "."
    return words


def _strength(draw: random.Random) -> float:
    return draw.choice([0.002, 0.005, 0.01, 0.02, 0.04, 0.08])


def _other(draw: random.Random) -> str:
    return draw.choices(VOCABULARY, cum_weights=WEIGHTS)[0]


def _substituted(words: Words, _: list[Words], draw: random.Random) -> str:
    share = _strength(draw)
    return " ".join(_other(draw) if draw.random() < share else word for word in words)


def _deleted(words: Words, _: list[Words], draw: random.Random) -> str:
    share = _strength(draw)
    return " ".join(word for word in words if draw.random() >= share) or words[0]


def _inserted(words: Words, _: list[Words], draw: random.Random) -> str:
    share = _strength(draw)
    return " ".join(f"{word} {_other(draw)}" if draw.random() < share else word for word in words)


def _moved(words: Words, _: list[Words], draw: random.Random) -> str:
    words = list(words)
    for _block in range(draw.randint(1, 4)):
        size = min(draw.randint(5, 30), len(words) // 2)
        start = draw.randrange(len(words) - size)
        block = words[start : start + size]
        del words[start : start + size]
        to = draw.randrange(len(words))
        words[to:to] = block
    return " ".join(words)


def _truncated(words: Words, _: list[Words], draw: random.Random) -> str:
    return " ".join(words[: max(5, int(len(words) * draw.uniform(0.5, 0.99)))])


def _framed(words: Words, frames: list[Words], draw: random.Random) -> str:
    return " ".join([*draw.choice(frames), *words, *draw.choice(frames)])


def _dressed(words: Words, _: list[Words], draw: random.Random) -> str:
    forms: list[Callable[[str], str]] = [str.upper, str.lower, str.title, lambda word: f"{word},", lambda word: word]
    text = [draw.choice(forms)(word) for word in words]
    return "\n".join(" ".join(text[start : start + 12]) for start in range(0, len(text), 12))


EDITS: dict[str, Callable[[Words, list[Words], random.Random], str]] = {
    "words substituted": _substituted,
    "words deleted": _deleted,
    "words inserted": _inserted,
    "blocks moved": _moved,
    "truncated": _truncated,
    "header and footer": _framed,
    "case and punctuation": _dressed,
}
