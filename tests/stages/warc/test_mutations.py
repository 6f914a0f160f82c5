"""Damaged copies of archives: a small version of ``tools/bench/mutations.py``, and that its checks can fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from refinery.stages._warc.members import Members
from tests.stages.warc.archives import LAYOUTS, frames, members, mixed, plain
from tests.stages.warc.test_records import MADE
from tools.bench.mutations import chosen, reported
from tools.mutations import MANGLES, Archive, problem

Layout = Callable[[Sequence[bytes]], bytes]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_damage_to_made_archives_hides_nothing_that_it_does_not_touch(layout: Layout) -> None:
    reported = {copy.name: problem(copy) for copy in Archive(layout.__name__, layout(MADE * 2)).copies(40, 120, 2)}
    assert len(reported) > 100
    assert {name: said for name, said in reported.items() if said} == {}


def test_every_kind_of_damage_is_done() -> None:
    names = [copy.name for copy in Archive("plain", plain(MADE)).copies(4, 4, 3)]
    kinds = Counter("cut" if "cut" in n else n.rpartition(" ")[2] for n in names)
    assert {"cut", "flipped", "swapped", "twice"} <= kinds.keys()
    assert all(any(name.endswith(f" {mangle}") for name in names) for mangle in MANGLES)


@pytest.mark.parametrize("layout", [members, frames, mixed], ids=lambda layout: layout.__name__)
def test_a_reader_that_gives_up_is_found_out(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = list(Archive("x", layout(MADE)).copies(10, 60, 1))
    monkeypatch.setattr(Members, "find", lambda _self, _at, stop, **_: stop)
    assert any("records are lost" in problem(copy) for copy in copies)


def test_an_end_that_is_not_told_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = [copy for copy in Archive("x", members(MADE)).copies(30, 0, 0) if copy.cut]
    assert len(copies) > 20
    assert not any(map(problem, copies))
    monkeypatch.setattr("tools.mutations.read", lambda _data: [])
    assert all(map(problem, copies))


@pytest.mark.slow
def test_real_archives_are_read_whatever_is_done_to_them(corpus: object) -> None:
    del corpus
    for number, (name, data) in enumerate(chosen()):
        if number % 8 == 0:
            found = reported(name, data, cuts=3, flips=8, others=1)
            assert not found.wrong, (name, found.wrong)
            assert found.slowest < 5
