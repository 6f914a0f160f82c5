"""What is marked in a text: cuts where they were, and what failed rules count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import pytest
from hypothesis import given, strategies as st

from refinery.inspect import evidence as module
from refinery.inspect.evidence import Mark, evidence, marked
from refinery.inspect.outcomes import Cut, StageOutcome
from refinery.stage.base import Filter, Values
from refinery.stage.documents import Docs
from refinery.stage.rules import Metric, Rule
from tests.engine.looked import Snip

texts = st.text(st.characters(codec="utf-8"), max_size=40)


class Letters(Filter):
    """Counts letters; shows them."""

    name: ClassVar = "letters"
    version: ClassVar = 1
    metrics: ClassVar = tuple(Metric(letter) for letter in "abc")

    def rules(self) -> tuple[Rule, ...]:
        return tuple(Rule(f"too_many_{letter}", letter, at_most=0) for letter in "abc")

    def measure(self, docs: Docs) -> Values:
        raise AssertionError("never asked")

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """A letter with its neighbours, so that spans overlap."""
        return [(max(0, at - 1), min(len(text), at + 2)) for at, letter in enumerate(text) if letter == metric]


def outcome(*failed: str, cut: tuple[Cut, ...] = ()) -> StageOutcome:
    return StageOutcome("removed", "", failed, "", (), cut)


@given(st.lists(st.tuples(texts, st.booleans()), max_size=8), st.integers(0, 60))
def test_cuts_are_marked_where_they_were(pieces: list[tuple[str, bool]], length: int) -> None:
    """The pieces are the text, as far as it is shown, and those that were cut say why."""
    cuts, text = [], ""
    for piece, gone in pieces:
        if gone and piece:
            cuts.append(Cut(len(text.encode()), len(piece.encode()), "junk", piece))
        text += piece
    marks = evidence(Snip(), outcome(cut=tuple(cuts[::-1])), text)
    assert [(text[mark.start : mark.end], mark.reason, mark.cut) for mark in marks] == [
        (cut.text, "junk", True) for cut in cuts
    ]
    found = marked(text, marks, length)
    assert "".join(piece for piece, _ in found) == text[:length]
    assert [mark for _, mark in found if mark] == [mark for mark in marks if mark.start < length]


@given(texts, st.lists(st.builds(Cut, st.integers(-9, 99), st.integers(-9, 1 << 62), texts, st.none() | texts)))
def test_cuts_of_another_text_do_no_harm(text: str, cuts: list[Cut]) -> None:
    """Whatever a stranger's root says: nothing of the text is lost or there twice."""
    marks = evidence(Snip(), outcome(cut=tuple(cuts)), text)
    assert "".join(piece for piece, _ in marked(text, marks, 1000)) == text
    assert marked(text, (), 1000) == ([(text, None)] if text else [])


@given(st.text("abcd", max_size=30), st.lists(st.sampled_from(["too_many_a", "too_many_b", "too_many_c", "error"])))
def test_each_character_is_marked_with_the_first_rule_that_counts_it(text: str, failed: list[str]) -> None:
    """Character by character; reasons that are no rules mark nothing."""
    marks = evidence(Letters(), outcome(*failed), text)
    found = ["" for _ in text]
    for mark in marks:
        assert not any(found[mark.start : mark.end])
        found[mark.start : mark.end] = [mark.reason] * (mark.end - mark.start)
    for at in range(len(text)):
        counting = [rule for rule in failed if rule[-1] in text[max(0, at - 1) : at + 2] and rule != "error"]
        assert found[at] == (counting[0] if counting else "")
    assert list(marks) == sorted(marks, key=lambda mark: mark.start)


@pytest.mark.slow
def test_cuts_go_first_and_huge_texts_are_not_searched() -> None:
    """A text says either what it lost or what it failed for."""
    cut = Cut(0, 1, "junk", "a")
    assert evidence(Letters(), outcome("too_many_a", cut=(cut,)), "a b a") == (Mark(0, 1, "junk", cut=True),)
    assert evidence(Letters(), outcome("too_many_a"), "a" * module.LONGEST)
    assert not evidence(Letters(), outcome("too_many_a"), "a" * (module.LONGEST + 1))
