"""The memory of a run: budgets of global stages that fit the executor, and tasks that do not."""

from __future__ import annotations

from dataclasses import replace

import psutil

from refinery.errors import Refused
from refinery.formatting import size
from refinery.planner.plan import Phase
from refinery.recipe import ExecutorSettings, Step
from refinery.root.root import Root
from refinery.stage.global_stage import Global
from refinery.task.tasks import MEBIBYTE


def task_memory(settings: ExecutorSettings) -> int | None:
    """The bytes of a task that has a machine to itself; None if only the cluster knows."""
    if settings.kind == "ray" and settings.memory.endswith("%"):
        return None
    return settings.memory_bytes(psutil.virtual_memory().total)


def fitted(step: Step, stage: Global, memory: int) -> Step:
    """The step with a budget that fits. Raises Refused if the recipe names a larger one, or if none fits."""
    needed = max(stage.memory, stage.needs(0, 0))
    if needed <= memory:
        return step
    budget = (stage.memory - (needed - memory)) // MEBIBYTE * MEBIBYTE
    fits = budget >= MEBIBYTE and _with_budget(stage, budget).needs(0, 0) <= memory
    is_named = "memory" in stage.model_fields_set
    if fits and not is_named:
        return replace(step, stage=_with_budget(stage, budget))
    advice = f", or set {step.name} memory: {budget // MEBIBYTE}MiB" if fits else ""
    least = needed if is_named else _with_budget(stage, MEBIBYTE).needs(0, 0)
    raise Refused(
        f"{step.name}: a task takes at least {size(least)} of memory, and executor.memory allows {size(memory)}",
        hint=f"raise executor.memory{advice}",
    )


def _with_budget(stage: Global, budget: int) -> Global:
    return stage.model_copy(update={"memory": type(stage.memory)(budget)})


def refuse_misfit(root: Root, phase: Phase, memory: int) -> None:
    """Raise Refused if a task of a phase takes more than ``memory`` bytes, or the phase more disk than is free."""
    for task in phase.tasks:
        if task.memory > memory:
            raise Refused(
                f"{task.title} takes up to {size(task.memory)} of memory, and executor.memory allows {size(memory)}",
                hint="run it on a machine with more memory, or with larger executor.memory"
                f"{task.advice(memory)}; finished parts are kept",
            )
    needed = sum(task.disk for task in phase.tasks)
    free = root.store.free(root.path)
    if free is not None and needed > free:
        raise Refused(
            f"{phase.title}: writes up to {size(needed)}, and {root.path} has {size(free)} free",
            hint="free some space, or move the root to a larger disk; finished parts are kept",
        )
