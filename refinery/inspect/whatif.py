"""Other thresholds tried on a root: rules are applied again to stored metrics. Nothing is written.

The result is exact for the stages up to the next one that compares all documents. Later stages are not recomputed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refinery.errors import UsageError
from refinery.inspect.flips import Flips, StageYield
from refinery.inspect.group_yields import GroupYield, group_yields
from refinery.inspect.near import Neighbours
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.reapplied import Reapplied
from refinery.recipe import Pipeline, from_dict, plain, recipe_dict
from refinery.stage.by_language import FIELD, ByLanguage
from refinery.stage.global_stage import Global, begins_segment, stores_metrics

_HINT = "--set STAGE.FIELD=VALUE or STAGE.LANGUAGE.FIELD=VALUE; `refinery stages NAME` marks thresholds"
_RERUN = "run it into another root, and `refinery diff` the two"


@dataclass(frozen=True)
class Change:
    """A changed threshold, its values as a recipe writes them. The ``field`` of a language is ``de.min_words``."""

    stage: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class WhatIf:
    """The yields of the stages from the first changed one on; ``not_recomputed`` are later stages.

    ``lost`` and ``gained`` are counted behind the last of ``stages``. A document that a later stage removes anyway does
    not flip; its other reason is in the counts of the stages.
    """

    dataset: str
    changes: tuple[Change, ...]
    stages: tuple[StageYield, ...]
    lost: Flips
    gained: Flips
    by: Mapping[str, tuple[GroupYield, ...]]
    """Yields behind the last of ``stages``: the largest languages, and the domains that change most."""
    near: tuple[Neighbours, ...]
    """For each moved threshold the documents next to it, as it would be."""
    not_recomputed: tuple[str, ...]


def what_if(path: str, overrides: Sequence[str], count: int = 5) -> WhatIf:
    """Try other thresholds, as ``stage.field=value``, on the root at ``path``; return yields and ``count`` flips.

    Documents that a threshold lets in are measured by the later stages, from the stored text or, before the
    extraction, from their archive. Raises UsageError for a field that is no threshold of a row stage and where rows
    are not stored, StorageError where archives are gone.

        what_if("root", ["quality.min_words=80"]).stages[0].after.kept
    """
    reader = open_root(path)
    pipeline = from_dict(reader.head.recipe, path, reader.root.full("HEAD.json"), overrides)
    changes = _changes(reader.pipeline, pipeline)
    positions = [i for i, step in enumerate(pipeline.steps) if step.name in {change.stage for change in changes}]
    stages = _stages(reader, pipeline, positions)
    reapplied = Reapplied(reader, pipeline, stages, frozenset(positions), count)
    for receipt in reader.receipts(stages[0]):
        reapplied.add(receipt)
    later = tuple(step.name for step in pipeline.steps[stages[-1].position + 1 :])
    lost, gained = reapplied.lost.flips(), reapplied.gained.flips()
    near = tuple(draw.neighbours() for draw in reapplied.near)
    groups = group_yields(reapplied.groups.table())
    return WhatIf(reader.head.dataset, changes, reapplied.yields(), lost, gained, groups, near, later)


def _changes(before: Pipeline, after: Pipeline) -> tuple[Change, ...]:
    """Return the changed thresholds. Raises UsageError where there is none, or something else was changed."""
    old, new = recipe_dict(before), recipe_dict(after)
    other = [name for name in old if name != "pipeline" and old[name] != new[name]]
    other += ["executor"] if after.executor != before.executor else []
    if other:
        raise UsageError(f"{other[0]} is not a threshold of a stage", hint=_HINT)
    changes = tuple(_changed_fields(before, after))
    if not changes:
        raise UsageError("no threshold differs from the root's", hint=_HINT)
    return changes


def _changed_fields(before: Pipeline, after: Pipeline) -> Iterator[Change]:
    for old, new in zip(before.steps, after.steps, strict=True):
        for name in type(old.stage).model_fields:
            values = getattr(old.stage, name), getattr(new.stage, name)
            if values[0] == values[1]:
                continue
            if name not in old.stage.roles("threshold"):
                message = "is not a threshold: it changes the measurements, so it needs a run"
                raise UsageError(f"{old.name}.{name} {message}", hint=_HINT)
            if isinstance(old.stage, ByLanguage) and isinstance(new.stage, ByLanguage) and name == FIELD:
                yield from _changed_languages(old.name, old.stage, new.stage)
            else:
                yield Change(old.name, name, *map(plain, values))


def _changed_languages(step: str, old: ByLanguage, new: ByLanguage) -> Iterator[Change]:
    """Yield the numbers that apply to a language in the one stage and not in the other, as ``de.min_words``."""
    for code in sorted({*old.thresholds, *new.thresholds}):
        sides = old.thresholds.get(code, {}), new.thresholds.get(code, {})
        for name in sorted({*sides[0], *sides[1]}):
            if sides[0].get(name) != sides[1].get(name):
                yield Change(step, f"{code}.{name}", *(getattr(one.in_language(code), name) for one in (old, new)))


def _stages(reader: RootReader, pipeline: Pipeline, changed: Sequence[int]) -> list[StageEntry]:
    """Return the stages that are recomputed: from the first changed one to the last before a global one."""
    first, names = changed[0], [step.name for step in pipeline.steps]
    decides = isinstance(pipeline.steps[first].stage, Global) and stores_metrics(pipeline.steps[first].stage)
    barriers = [i for i, step in enumerate(pipeline.steps) if i >= first + decides and begins_segment(step.stage)]
    end = min(barriers, default=len(names))
    if first == 0:
        raise UsageError(f"{names[0]} is the source: its input is not stored", hint=_RERUN)
    if changed[-1] >= end:
        message = f"{names[end]} needs the whole dataset, so a threshold of {names[changed[-1]]} needs a run"
        raise UsageError(message, hint=_RERUN)
    for position in (first, changed[-1]):
        reader.stage(names[position])  # raises where it has no results
    stages = [entry for entry in reader.stages if first <= entry.position < end]
    for entry in (reader.before(stages[0]), *stages):
        assert entry is not None  # a stage only runs behind another
        sides = ("kept",) if entry.position < first else ("kept", "removed")
        if any(not receipt.files.get(side) for receipt in reader.receipts(entry) for side in sides):
            hint = "`write` and `keep_removed` of the recipe choose the rows that are stored"
            raise UsageError(f"{entry.name} has rows that are not stored", hint=hint)
    return stages
