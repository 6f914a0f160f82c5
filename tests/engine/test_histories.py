"""Whatever was done to a root before, a full run ends with what a new root would hold."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from refinery.errors import UsageError
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline
from refinery.store import LocalStore
from tests.engine import toy
from tests.engine.inline import Death
from tests.engine.roots import RootContents, pipeline, quick, steps
from tests.engine.toy import Gather, Length, LineSource, Same

NAMES = ("lines-of-text", "words", "same", "gather")
LINES = (
    "# no document",
    "",
    "one",
    "two words",
    "three words here",
    "the same text",
    "12 34",
    "poison",
    "deadly line",
    "a b c d e f",
)

inputs = st.lists(st.sampled_from(LINES), max_size=6)
selections = st.one_of(
    st.just(Selection()),
    st.builds(Selection, until=st.sampled_from(NAMES)),
    st.builds(Selection, first=st.sampled_from(NAMES)),
    st.builds(Selection, parts=st.lists(st.integers(0, 3), min_size=1, max_size=2).map(tuple)),
    st.builds(Selection, share=st.sampled_from([0.1, 0.6])),
    st.builds(Selection, force=st.just(True), until=st.sampled_from(NAMES)),
)
changes = st.one_of(
    st.tuples(st.just("min_words"), st.integers(0, 4)),
    st.tuples(st.just("shard"), st.sampled_from([1, 30, 1000])),
    st.tuples(st.just("by"), st.sampled_from(["", "words.words", "text"])),
    st.tuples(st.just("write"), st.sampled_from(["every", "last", "marked"])),
    st.tuples(st.just("keep_removed"), st.sampled_from(["metrics", "sample", "text", "counts"])),
    st.tuples(st.just("batch"), st.sampled_from([1, 2, 1000])),
    st.tuples(st.just("file"), st.tuples(st.integers(0, 3), st.none() | inputs)),
)
runs = st.tuples(st.just("run"), st.tuples(selections, st.none() | st.integers(0, 120)))
histories = st.lists(changes | runs, max_size=8)


def die() -> NoReturn:
    """What ``toy.die`` does to a worker, for a worker that is this process."""
    raise Death(7)


class Killed(BaseException):
    """The run is dead, and so is whatever it tries to do now."""


@contextlib.contextmanager
def killed_at(write: int | None) -> Iterator[None]:
    """Let the run die before its ``write``-th change of a file; nothing it does after that has an effect."""
    left = [write]

    def hooked(name: str) -> Any:
        original = getattr(LocalStore, name)

        def call(*arguments: Any) -> Any:
            if left[0] == 0:
                raise Killed
            if left[0] is not None:
                left[0] -= 1
            return original(*arguments)

        return call

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
        for name in ("temporary", "publish", "put", "delete", "copy"):
            patch.setattr(LocalStore, name, hooked(name))
        yield


@dataclass
class World:
    """Inputs, a recipe, and a root."""

    folder: Path
    length: dict[str, Any] = field(default_factory=dict)
    shard: int = 60
    by: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def recipe(self, root: str = "root") -> Pipeline:
        """What the world asks for."""
        stages = (LineSource(), Length(**self.length), Same(), Gather(shard=self.shard, by=self.by))
        return pipeline(self.folder, steps(*stages, marked=("words",)), root=root, **self.settings)

    def change(self, what: str, value: Any, root: str = "root") -> bool:
        """Do one thing of a history; True if it was a run that completed."""
        if what == "run":
            selection, write = value
            with killed_at(write), contextlib.suppress(UsageError):  # parts that are not there
                quick(self.recipe(root), selection)
                return True
        elif what == "file":
            self.write_file(*value)
        elif what == "min_words":
            self.length = {"min_words": value}
        elif what == "shard":
            self.shard = value
        elif what == "by":
            self.by = value
        else:
            self.settings[what] = value
        return False

    def write_file(self, number: int, lines: list[str] | None) -> None:
        """Make, change or remove an input; the first one is always there."""
        path = self.folder / "in" / f"{number}.txt"
        if lines is not None:
            path.write_text("".join(f"{line}\n" for line in lines))
        elif number:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def a_world() -> Iterator[World]:
    """A world with two inputs, in memory where there is such a file system, in which no worker really dies."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy, "die", die)
        world = World(Path(place))
        (world.folder / "in").mkdir()
        for number in range(2):
            world.write_file(number, list(LINES[number * 3 : number * 3 + 5]))
        yield world


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(histories)
def test_a_full_run_forgets_the_past(history: list[tuple[str, Any]]) -> None:
    """Changes of recipe and inputs, runs of parts and stages, forced runs and kills leave no trace in the result."""
    with a_world() as world:
        for what, value in history:
            world.change(what, value)
        assert quick(world.recipe()).complete
        assert quick(world.recipe()).tasks == 0
        held = RootContents(world.folder / "root")
        quick(world.recipe("fresh"))
        assert held.everything() == RootContents(world.folder / "fresh").everything()
        assert held.balanced()
        held.check_files()
