"""All checks before the first task of a run. ``run``, ``plan`` and ``check`` call them, so that they refuse the same.

Nothing is written and no document is read. Not here: what only shows while tasks run, such as a disk that fills up, or
another run on the root.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from refinery.assets import Asset
from refinery.errors import AssetError, RefineryError, UsageError
from refinery.planner.compatibility import changed_code, check_root, refuse_changed_code, refuse_foreign
from refinery.planner.inputs import Inputs
from refinery.planner.memory import fitted, task_memory
from refinery.planner.planner import Planner
from refinery.planner.segments import partition_groups
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline, Step
from refinery.recipe.columns import flows
from refinery.recipe.problems import Problem, SourceSpan, located
from refinery.root.reference import parts_of_root
from refinery.root.root import Root
from refinery.stage.base import Stage
from refinery.stage.completing import CompletingSource
from refinery.stage.global_stage import Global
from refinery.store import is_remote, store_for


@dataclass(frozen=True)
class Obstacle:
    """An error that a run would end with, and the place in the recipe that causes it, where there is one."""

    error: RefineryError
    span: SourceSpan | None = None

    def to_json(self) -> dict[str, object]:
        """The error as JSON-able fields, in the shape of a recipe's problem."""
        if self.span is not None:
            return Problem(self.span, self.error.message, self.error.hint).to_json()
        return {"file": None, "line": None, "column": None, "message": self.error.message, "fix": self.error.hint}


@dataclass(frozen=True)
class Preflight:
    """All obstacles, the input files as far as they were listed, and the planner of the run if there is no obstacle."""

    obstacles: tuple[Obstacle, ...]
    inputs: Inputs
    planner: Planner | None

    def cleared(self) -> Planner:
        """Return the planner. Raises one error with all obstacles, if there are any."""
        if self.obstacles or self.planner is None:
            raise located([(obstacle.error, obstacle.span) for obstacle in self.obstacles])
        return self.planner


def preflight(pipeline: Pipeline, selection: Selection = Selection(), *, accept_code: bool = False) -> Preflight:
    """Find all obstacles to a run of the pipeline, changed code included unless it is accepted."""
    checks = _Obstacles(pipeline)
    checks.completed()
    checks.executor()
    checks.assets()
    checks.columns()
    pipeline = checks.fitted()
    root = checks.root()
    inputs = Inputs(pipeline)
    checks.inputs(inputs)
    planner = None
    if root is not None and not checks.obstacles:
        with checks.at(""):  # the remaining obstacle is the selection
            planner = Planner.of(pipeline, root, selection, inputs)
    checks.references(planner)
    if planner is not None and not accept_code:
        checks.code(planner)
    return Preflight(tuple(sorted(checks.obstacles, key=_order)), inputs, planner)


def _order(obstacle: Obstacle) -> tuple[bool, bool, int]:
    """Sort key of obstacles: those of the recipe's file in its order, then those of options, then all others."""
    span = obstacle.span
    return (True, True, 0) if span is None else (False, not span.text.is_file, span.start)


class _Obstacles:
    """Collects obstacles, check after check."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.obstacles: list[Obstacle] = []

    @contextmanager
    def at(self, key: str) -> Iterator[None]:
        """Collect an error as an obstacle at a key of the recipe."""
        try:
            yield
        except RefineryError as error:
            self.obstacles.append(Obstacle(error, self._pipeline.locations.of(key)))

    def completed(self) -> None:
        """Complete the stages by what the source finds in the inputs."""
        source, steps = self._pipeline.source, self._pipeline.steps
        if not isinstance(source, CompletingSource):
            return
        with self.at("pipeline"):
            stages = source.completed(self._pipeline.inputs, [step.stage for step in steps])
            changed = tuple(replace(step, stage=stage) for step, stage in zip(steps, stages, strict=True))
            self._pipeline = self._pipeline.model_copy(update={"steps": changed})

    def executor(self) -> None:
        """Check that the executor is installed."""
        with self.at("executor.kind"):
            if self._pipeline.executor.kind == "ray" and importlib.util.find_spec("ray") is None:
                raise UsageError(
                    "the executor is ray, and Ray is not installed", hint="pip install 'crawl-refinery[ray]'"
                )

    def assets(self) -> None:
        """Check that each asset is there, and is what its stage needs."""
        for step in self._pipeline.steps:
            for name, number, asset in assets_of(step.stage):
                key = f"{step.name}.{name}" + ("" if number is None else f"[{number}]")
                with self.at(key), _naming(key):
                    _open_asset(step.stage, name, asset)

    def columns(self) -> None:
        """Check that partitions follow each other, and that each step gets columns of types that it can use."""
        with self.at("pipeline"):
            partition_groups([step.stage for step in self._pipeline.steps], len(self._pipeline.steps) - 1)
            for step, flow in zip(self._pipeline.steps, flows(self._pipeline.steps), strict=True):
                with self.at(step.name), _naming(step.name):
                    step.stage.check_columns(flow.given)

    def fitted(self) -> Pipeline:
        """Return the pipeline with smaller memory budgets where the recipe names none and the executor allows less."""
        memory = task_memory(self._pipeline.executor)
        steps = []
        for step in self._pipeline.steps:
            steps.append(step)
            if isinstance(step.stage, Global) and memory is not None:
                with self.at(f"{step.name}.memory"):
                    steps[-1] = fitted(step, step.stage, memory)
        return self._pipeline.model_copy(update={"steps": tuple(steps)})

    def root(self) -> Root | None:
        """Check that the root is new or of this dataset, and can be written. Returns None if its store is not known."""
        with self.at("root"):
            path = self._pipeline.root
            root = Root(path, store_for(path))
            root.store.check_writable(root.path)
            if check_root(root, self._pipeline.dataset) is None:
                refuse_foreign(root)
            return root
        return None

    def inputs(self, inputs: Inputs) -> None:
        """Check that each pattern names files, and none a copy of another."""
        for key, error in inputs.problems():
            with self.at(key):
                raise error

    def references(self, planner: Planner | None) -> None:
        """Check that each reference root is there, and has the same settings."""
        steps = self._pipeline.steps
        for position, step in enumerate(steps[: planner.layout.last + 1] if planner else steps):
            if isinstance(step.stage, Global):
                before = len(self.obstacles)
                parts = []
                roots = step.stage.reference_roots()
                for place, path in enumerate(roots):
                    with self.at(_holder(step, path)), _naming(step.name):
                        _refuse_twice(path, [self._pipeline.root, *roots[:place]])
                        parts += parts_of_root(step.stage, place, path)
                if planner is not None and len(self.obstacles) == before:
                    planner.references[position] = parts

    def code(self, planner: Planner) -> None:
        """Check that no results of the root were computed with other code of the same version."""
        head = check_root(planner.root, self._pipeline.dataset)
        for step in changed_code(planner.root, head, planner.layout.folders, planner.layout.steps):
            with self.at(step.name):
                refuse_changed_code([step])


@contextmanager
def _naming(key: str) -> Iterator[None]:
    """Prefix an error with the key that it is about."""
    try:
        yield
    except RefineryError as error:
        raise type(error)(f"{key}: {error.message}", hint=error.hint) from error


def assets_of(stage: Stage) -> Iterator[tuple[str, int | None, Asset]]:
    """The assets of a stage: the field, the number in its list if it is one, and the asset."""
    for name in type(stage).model_fields:
        value = getattr(stage, name)
        for number, asset in enumerate(value) if isinstance(value, tuple) else ((None, value),):
            if isinstance(asset, Asset):
                yield name, number, asset


def _open_asset(stage: Stage, name: str, asset: Asset) -> None:
    """Open an asset as its stage does. Raises AssetError."""
    path = asset.path()
    try:
        stage.check_asset(name, asset)
    except OSError as error:
        raise AssetError(f"{path}: {error.strerror or error}", hint="let this user read it") from error


def _refuse_twice(path: str, known: Sequence[str]) -> None:
    """Raise UsageError if a reference root is the root itself, or was listed before."""
    same = [_normal(other) for other in known]
    if _normal(path) in same:
        what = "the root of this recipe" if _normal(path) == same[0] else "listed twice"
        raise UsageError(f"{path} is {what}", hint="`against` names other roots, each once")


def _normal(path: str) -> str:
    return path.rstrip("/") if is_remote(path) else os.path.realpath(path)


def _holder(step: Step, path: str) -> str:
    """The key of the value of a step's list that is ``path``."""
    lists = ((name, getattr(step.stage, name)) for name in type(step.stage).model_fields)
    for name, value in lists:
        if isinstance(value, tuple) and path in value:
            return f"{step.name}.{name}[{value.index(path)}]"
    return step.name
