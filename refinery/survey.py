"""What a walk over a root's receipts deals in: what was selected, parts on their way, phases, and what there is.

Plain data and pure functions; the walk itself is in ``refinery.planner``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from refinery.identity import digest
from refinery.part import Head, Receipt, Root, StageManifest
from refinery.store import Stat
from refinery.tasks import Task

Action = Literal["keep", "judge", "run"]


@dataclass(frozen=True)
class Selection:
    """Which stages and parts a run is about. ``force`` makes the chosen stages again though they are up to date."""

    first: str | None = None
    until: str | None = None
    parts: tuple[int, ...] | None = None
    share: float | None = None
    """Of the parts, a fixed share between 0 and 1 (at least one part)."""
    force: bool = False

    @property
    def partial(self) -> bool:
        """Whether some parts are left out, so that no global stage can run."""
        return self.parts is not None or self.share is not None


@dataclass
class Lane:
    """One part on its way through the stages, as far as its receipts are known."""

    number: int
    paths: tuple[str, ...]
    contents: tuple[str, ...]
    bytes: int
    verdict: str = ""
    receipts: dict[int, Receipt] = field(default_factory=dict)
    missing: int | None = None
    """Position of the first step that has no receipt; the end of the segment where only the map is missing."""
    mapped: Receipt | None = None


@dataclass(frozen=True)
class Segment:
    """Steps ``first`` to ``last``, and the global stage whose map follows."""

    first: int
    last: int
    tail: int | None


@dataclass(frozen=True)
class Phase:
    """Tasks that can be done now, in any order."""

    title: str
    tasks: tuple[Task, ...]


@dataclass
class Made:
    """What the walk found of one step: its current receipts, and those of its shuffle."""

    receipts: list[Receipt] = field(default_factory=list)
    shuffle: list[Receipt] = field(default_factory=list)
    lanes: int = 0
    actions: dict[Action, int] = field(default_factory=lambda: {"keep": 0, "judge": 0, "run": 0})

    @property
    def complete(self) -> bool:
        """Whether every part has its receipt."""
        return self.lanes > 0 and len(self.receipts) == self.lanes


@dataclass
class Survey:
    """The result of a walk: the next phase, or None when all is done, and what there is of each step reached."""

    phase: Phase | None
    made: list[Made]
    blocked: str = ""
    """Why the walk ended before the last step though there is nothing to do."""


def manifests(root: Root, head: Head | None) -> dict[str, StageManifest]:
    """The current manifests of a root by folder, in order."""
    if head is None:
        return {}
    return {folder: root.manifest(head.manifests[folder]) for folder in head.folders if folder in head.manifests}


def file_content(path: str, stat: Stat) -> str:
    """The content id of an input file, which no one reads through: its name, size and tag."""
    return digest([path, stat.size, stat.etag])


def next_lane(lane: Lane, before: int, verdicts: Receipt) -> Lane:
    """A part that goes on behind a global stage, with its verdict."""
    number = str(lane.number)
    receipt = lane.receipts[before]
    return Lane(
        number=lane.number,
        paths=tuple(f.path for f in receipt.files["kept"]),
        contents=(receipt.contents["kept"], verdicts.contents[number]),
        bytes=receipt.total("kept"),
        verdict=verdicts.files[number][0].path,
    )


def gathered(lanes: Sequence[Lane], before: int, shard: int) -> list[Lane]:
    """Consecutive parts put together until they hold ``shard`` bytes of text."""
    found: list[Lane] = []
    size = shard
    for lane in lanes:
        receipt = lane.receipts[before]
        if size >= shard:
            found.append(Lane(len(found), (), (), 0))
            size = 0
        last = found[-1]
        last.paths += tuple(f.path for f in receipt.files["kept"])
        last.contents += (receipt.contents["kept"],)
        last.bytes += receipt.total("kept")
        size += receipt.rows["text"]
    return found
