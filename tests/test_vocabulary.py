"""People read one vocabulary, the field's: no retired word in docstrings, messages, names, help, pages and templates."""

from __future__ import annotations

import ast
from collections import Counter
from fnmatch import fnmatch
from functools import cache

import pytest

from tests.conftest import REPOSITORY
from tools import vocabulary
from tools.vocabulary import TABLES, Finding, Text


@cache
def findings() -> list[Finding]:
    return vocabulary.findings()


def words(kind: str, text: str) -> list[str]:
    """The retired words of a text."""
    return [one.word for one in vocabulary.found_in(Text("a.py", 1, kind, text))]


def words_of(source: str) -> Counter[str]:
    """The retired words of a module."""
    return Counter(
        one.word for text in vocabulary.of_module("a.py", ast.parse(source)) for one in vocabulary.found_in(text)
    )


@pytest.mark.parametrize("word", [entry["word"] for kind in ("word", "opening") for entry in TABLES[kind]])
def test_a_retired_word_does_not_come_back(word: str) -> None:
    """No retired word is left; `python -m tools.vocabulary PATH` lists those below a path."""
    found = [one for one in findings() if one.word == word]
    assert not found, [f"{one.path}:{one.line} {one.context}" for one in found[:50]]


@pytest.mark.parametrize("page", vocabulary.GENERATED)
def test_generated_pages_have_no_word_that_is_gone(page: str) -> None:
    """The help of all verbs and the tables of all stages, as they are printed, have none of the words."""
    text = Text(page, 1, "prose", (REPOSITORY / page).read_text(encoding="utf-8"))
    assert list(vocabulary.found_in(text)) == []


def test_every_exception_is_needed_and_has_a_reason() -> None:
    """An exception that nothing matches any more is removed."""
    texts = list(vocabulary.texts())
    for one in TABLES.get("exception", ()):
        matching = [
            finding
            for text in texts
            if fnmatch(text.path, one["where"])
            for finding in vocabulary.found_in(text)
            if finding.word == one["word"] and one["text"] in finding.context
        ]
        assert matching, one
        assert one["reason"], one


def test_words_are_found_whole_and_in_their_sense() -> None:
    """A retired word is no part of another word, and its ordinary meaning is allowed."""
    assert words("prose", "The bound of a rule, and upper bounds.") == ["bound"]
    assert words("prose", "Memory is bounded; a socket bound to a port.") == []
    assert words("docstring", "Whether the books balance.") == ["books", "question as a docstring"]
    assert words("prose", "What was asked") == []


def test_names_are_searched_by_their_words() -> None:
    """A name is split at underscores and capitals; puns are refused as whole names only."""
    assert words("name", "_upper_bounds") == words("name", "MetricBound") == ["bound"]
    assert words("name", "unbounded") == []
    assert words("name", "found") == ["one-word pun"]
    assert words("name", "found_spans") == []


def test_docstrings_sentences_and_names_of_a_module_are_searched() -> None:
    """Messages in formatted strings count, keys of one word and local variables do not."""
    source = '''
class Fate:
    """How it ended."""

    told: int
    """What it said."""

def check(bound):
    held = {"bound": 1}
    raise ValueError(f"{held} is {bound:.1f} and over the bound")
'''
    assert words_of(source) == {"fate": 1, "question as a docstring": 2, "tell": 1, "say": 1, "bound": 2}


def test_what_a_template_shows_is_searched() -> None:
    """Text between tags and titles are read by people; tags, statements and scripts are not."""
    page = '<p class="bound" title="the fate">{{ told }} says</p>\n<script>let told;</script>'
    assert words("prose", vocabulary._blanked(page)) == ["fate", "say"]
