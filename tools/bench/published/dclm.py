"""DCLM's rules (Li et al. 2024) as naive oracles by the definitions of its code, which is in no package.

Words of n-grams are those of uniseg, as there. Other words lie between white space, as in the recipe; there they are
fastText's tokens that begin with a letter or digit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from tools.bench.parity import Difference, Judge, Row

NEEDS = ("uniseg",)

STOP_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
COUNTED = "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers"
COUNTER = re.compile(rf"\W*\d[,.\d]*[kmb]?\s+(?:{COUNTED})\W*")
PHRASES = tuple(re.compile(each, re.IGNORECASE) for each in (r"\s?items in cart", r"\s?read more...$", r"^sign-in\s?"))
SHORT_LINE = 10

Test = Callable[[str], bool]

BULLETS = Difference("bullets are '●', '•', '*' and '-'", lambda text: re.sub(r"[‣⁃⁌⁍∙○◘◦⦾⦿]", "x", text))
SUM = Difference("one threshold for the sum of hashes and ellipses", lambda text: text.replace("#", " "))
MARKS = Difference("stop words with punctuation do not count", lambda text: re.sub(r"[^\w\s]|_", " ", text))
EACH = Difference(
    "stop words count each time", lambda text: " ".join(dict.fromkeys(MARKS.neutral(text).casefold().split()))
)
ALONE = Difference(
    "phrases are cut from within words and sentences; three characters behind 'read more'",
    lambda text: re.sub(r"(?i)items? in cart|read more|sign[- ]in", "x", text),
)
NUMBERS = Difference(
    "the number of a counter has no space or other marks in it",
    lambda text: re.sub(rf"(?im)^(?=.*\d).*\b({COUNTED})\b\W*$", "x x x", text),
)
ODD = Difference("capitals that are no letters count", lambda text: re.sub(r"[Ⅰ-ⅿⒶ-ⓩ🄰-🆏]", "x", text))

CEDILLA = Difference("uniseg's words end at a cedilla that stands alone", lambda text: text.replace("¸", "-"))


def is_comparable(language: str) -> bool:
    """Return True for all languages: the rules are made for English and apply to any text."""
    del language
    return True


def rows(steps: dict[str, Any]) -> Iterator[Row]:
    """Yield the rules in the order of the recipe."""
    limits = {rule.id: rule.at_most if rule.at_least is None else rule.at_least for rule in _rules(steps)}
    for name, (public, test, differences) in _quality(limits).items():
        yield Row("quality", name, public, _judge(test), differences)
    for rule in steps["repetition"].rules():
        judge = _judge(_repetition(rule.id, rule.at_most))
        yield Row("repetition", rule.id, "massive_web_repetition_filters", judge, (CEDILLA,))
    differences = (ALONE, NUMBERS, ODD)
    yield Row("lines", "words", "the line modifiers, words left", lambda text, _: corrected(text).split(), differences)
    most = limits["too_much_removed"]
    judge = _judge(lambda text: removed(text) > most)
    yield Row("lines", "too_much_removed", "word_removal_ratio_filter", judge, differences)


def _rules(steps: dict[str, Any]) -> Iterator[Any]:
    for name in ("quality", "lines"):
        yield from steps[name].rules()


def _judge(test: Test) -> Judge:
    return lambda text, _: test(text)


def _quality(limits: dict[str, float]) -> dict[str, tuple[str, Test, tuple[Difference, ...]]]:
    def symbols(text: str) -> bool:
        return sum(map(text.count, ("#", "...", ". . .", "…"))) / len(text.split()) > limits["hashes"]

    def share(text: str, test: Test) -> float:
        lines = lines_of(text, "\n")
        return sum(map(test, lines)) / len(lines)

    def mean(text: str) -> float:
        return sum(map(len, text.split())) / len(text.split())

    def unlettered(text: str) -> float:
        return sum(not any(map(str.isalpha, word)) for word in text.split()) / len(text.split())

    def stop_words(text: str) -> int:
        return sum(word.lower() in STOP_WORDS for word in text.split())

    most_unlettered = round(1 - limits["few_letters"], 10)
    ratio = "symbol_ratio_filter"
    return {
        "too_few_words": ("page_length_filter", lambda text: len(text.split()) < limits["too_few_words"], ()),
        "too_many_words": ("page_length_filter", lambda text: len(text.split()) > limits["too_many_words"], ()),
        "short_words": ("word_length_filter", lambda text: mean(text) < limits["short_words"], ()),
        "long_words": ("word_length_filter", lambda text: mean(text) > limits["long_words"], ()),
        "hashes": (ratio, lambda text: symbols(re.sub(r"[.…]", ",", text)), ()),
        "ellipses": (ratio, symbols, (SUM,)),
        "bullets": (
            "bullet_count_filter",
            lambda text: share(text, lambda line: line.startswith(tuple("●•*-"))) > limits["bullets"],
            (BULLETS,),
        ),
        "clipped_lines": (
            "ellipsis_count_filter",
            lambda text: share(text, lambda line: line.endswith(("...", ". . .", "…"))) > limits["clipped_lines"],
            (),
        ),
        "few_letters": ("alphabetic_word_ratio_filter", lambda text: unlettered(text) > most_unlettered, ()),
        "few_stop_words": (
            "stop_word_filter",
            lambda text: stop_words(text) < limits["few_stop_words"],
            (MARKS, EACH),
        ),
    }


def lines_of(text: str, separator: str) -> list[str]:
    """Return what lies between separators, without white space at the ends, unless it is empty."""
    return [line.strip() for line in text.split(separator) if line.strip()]


def _repetition(rule: str, most: float) -> Test:
    number = rule.split("_")[1]
    if number.isdigit():
        share = _share_of_top if rule.startswith("top") else _share_of_repeated
        return lambda text: share(_words(text), int(number)) > most
    separator = "\n" if "line" in rule else "\n\n"
    size: Callable[[str], int] = len if "characters" in rule else (lambda _: 1)

    def test(text: str) -> bool:
        pieces = lines_of(text, separator)
        counts = Counter(pieces)
        return sum(size(piece) for piece in pieces if counts[piece] > 1) / sum(map(size, pieces)) > most

    return test


@lru_cache(maxsize=1)
def _words(text: str) -> tuple[str, ...]:
    from uniseg.wordbreak import words

    return tuple(word for word in words(text) if word[0].isalnum())


def _ngrams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]


def _share_of_top(words: Sequence[str], n: int) -> float:
    counts = Counter(_ngrams(words, n))
    top = max(counts.values(), default=1)
    lengths = [sum(map(len, ngram)) for ngram, count in counts.items() if count == top]
    return top * max(lengths) / sum(map(len, words)) if top > 1 else 0.0


def _share_of_repeated(words: Sequence[str], n: int) -> float:
    ngrams = _ngrams(words, n)
    counts = Counter(ngrams)
    covered = {at + place for at, ngram in enumerate(ngrams) if counts[ngram] > 1 for place in range(n)}
    return sum(len(words[at]) for at in covered) / sum(map(len, words)) if words else 0.0


def corrected(text: str) -> str:
    """Return what the line modifiers leave, one after the other."""
    lines = [line for line in text.split("\n") if line]
    lines = [line for line in lines if sum(map(str.isupper, line)) / len(line) <= 1 / 2]
    lines = [line for line in lines if not line.isdigit()]
    lines = [line for line in lines if not COUNTER.fullmatch(line.lower())]
    lines = [line for line in lines if len(line.split()) > 1]
    for phrase in PHRASES:
        cut = [phrase.sub("", line) if len(line.split()) <= SHORT_LINE else line for line in lines]
        lines = [line for line in cut if line.strip()]
    return "\n".join(lines)


def removed(text: str) -> float:
    """Return the share of the words that they take away."""
    before = len(text.split())
    return (before - len(corrected(text).split())) / before
