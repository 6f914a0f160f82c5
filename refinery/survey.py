"""What a walk over a root's receipts deals in: what was selected, parts on their way, phases, and what there is.

The walk itself is in ``refinery.planner``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from refinery.config import Pipeline
from refinery.identity import digest
from refinery.part import Head, Receipt, Root, StageManifest
from refinery.stage import Global, Stage
from refinery.store import Stat, store_for
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
class Part:
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
    expected: int = 0
    actions: dict[Action, int] = field(default_factory=lambda: {"keep": 0, "judge": 0, "run": 0})

    @property
    def complete(self) -> bool:
        """Whether every part has its receipt."""
        return self.expected > 0 and len(self.receipts) == self.expected


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


def begins_segment(stage: Stage) -> bool:
    """Whether no pass can carry a part into the stage: it needs all parts, or puts them together."""
    return isinstance(stage, Global) or stage.shard_bytes() is not None


def input_files(pipeline: Pipeline) -> list[str]:
    """All input files, each once, in the order of the recipe's patterns. Raises StorageError where one names none."""
    found = (p for pattern in pipeline.inputs for p in pipeline.source.list_inputs(pattern, store_for(pattern)))
    return list(dict.fromkeys(found))


def file_content(path: str, stat: Stat) -> str:
    """The content id of an input file, which no one reads through: its name, size and tag."""
    return digest([path, stat.size, stat.etag])


def next_part(part: Part, before: int, verdicts: Receipt) -> Part:
    """A part that goes on behind a global stage, with its verdict."""
    number = str(part.number)
    receipt = part.receipts[before]
    return Part(
        number=part.number,
        paths=tuple(f.path for f in receipt.files["kept"]),
        contents=(receipt.contents["kept"], verdicts.contents[number]),
        bytes=receipt.total("kept"),
        verdict=verdicts.files[number][0].path,
    )


def gathered(parts: Sequence[Part], before: int, shard: int) -> list[Part]:
    """Consecutive parts put together until they hold ``shard`` bytes of text."""
    found: list[Part] = []
    size = shard
    for part in parts:
        receipt = part.receipts[before]
        if size >= shard:
            found.append(Part(len(found), (), (), 0))
            size = 0
        last = found[-1]
        last.paths += tuple(f.path for f in receipt.files["kept"])
        last.contents += (receipt.contents["kept"],)
        last.bytes += receipt.total("kept")
        size += receipt.rows["text"]
    return found
