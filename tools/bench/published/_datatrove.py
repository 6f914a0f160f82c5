"""Filters of datatrove, one rule at a time, and texts in forms in which differences of definition cannot show."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from refinery import Rule
from refinery.kernels.reference.chunks import LONGEST
from refinery.kernels.reference.text import BULLETS
from tools.bench.parity import Difference, Judge

NEEDS = ("datatrove", "spacy", "nltk")

NO_NEWLINE_BREAKS = dict.fromkeys(map(ord, "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), " ")
OTHER_BULLETS = dict.fromkeys(map(ord, set(BULLETS) - {"•", "-"}), "x")
SPACED_ELLIPSIS = re.compile(r"\.(?: \.)+")


def is_comparable(language: str) -> bool:
    """Return True if datatrove and refinery have the words of the same of spaCy's tokenizers for a language."""
    from datatrove.utils.word_tokenizers import SpaCyTokenizer, load_tokenizer_assignments, load_word_tokenizer

    from refinery.stages._spacy import tokenizer_name
    from refinery.stages._words import SPACELESS

    if language in SPACELESS or language not in load_tokenizer_assignments():
        return False
    try:
        theirs = load_word_tokenizer(language)
    except ImportError:  # of another package than spaCy
        return False
    return isinstance(theirs, SpaCyTokenizer) and theirs.language == tokenizer_name(language)


def threshold_in(rule: Rule, language: str) -> float:
    """Return the threshold of a rule for a language."""
    return float(rule.by_language.get(language, rule.number or 0))


def removes(make: Callable[[str], Any]) -> Judge:
    """Return whether a filter, made for a language, removes a text."""
    filters = cache(make)
    return lambda text, language: filters(language).filter(document(text)) is not True


def document(text: str) -> Any:
    """Return the text as a document of datatrove."""
    from datatrove.data import Document

    return Document(text=text, id="")


def plain_lines(text: str) -> str:
    """Return the text without blank lines, and with newlines and datatrove's bullets only."""
    text = SPACED_ELLIPSIS.sub(";", text.translate(NO_NEWLINE_BREAKS).translate(OTHER_BULLETS))
    return "\n".join(line for line in text.split("\n") if line.strip())


ENDS = Difference(
    "newlines at the ends of a text make an empty line there, which counts", lambda text: text.strip("\n")
)
LINES = Difference(
    "blank lines count, other separators part lines, '. . .' is no ellipsis, bullets are '•' and '-'", plain_lines
)
LONG = Difference(
    f"what has more than {LONGEST} characters between white space is divided after as many",
    lambda text: re.sub(rf"(\S{{{LONGEST}}})\S+", r"\1", text),
)
JOINED = Difference(
    "n-grams of other words are the same there if their letters are", lambda text: re.sub(r"(?<=\S)(?!\S)", "ↄ", text)
)
NO_WORDS = Difference("without a word but punctuation nothing is too short there", lambda text: f"{text} word")
DOTS = Difference("'. . .' is no ellipsis", lambda text: SPACED_ELLIPSIS.sub("...", text))
