"""What stops a run: another dataset's root, changed code, another run on the same root, too little memory or disk."""

from __future__ import annotations

import re
from collections.abc import Sequence

from refinery.errors import Refused
from refinery.formatting import size
from refinery.identity import code_digest, defined_in
from refinery.planner.plan import Phase
from refinery.recipe import Step
from refinery.root.manifests import Head
from refinery.root.root import Root

SHOWN = 3
"""Names of foreign files that are shown."""

_OWN = re.compile(r"\..*|runs|tmp|superseded|quarantine|lost\+found|[0-9]{2,}-[a-z][a-z0-9_-]*")
"""Names in a root whose head is not written yet, or was deleted to be written again; hidden files do not count."""


def check_root(root: Root, dataset: str) -> Head | None:
    """The root's head, or None for a new root. Raises Refused where it belongs to something else."""
    head = root.head()
    if head is None:
        return None
    if head.dataset != dataset:
        raise Refused(
            f"{root.path} belongs to dataset {head.dataset!r}, the recipe says {dataset!r}",
            hint="give another --root, or correct `dataset:`",
        )
    return head


def refuse_foreign(root: Root) -> None:
    """Raise Refused where a folder without a head holds something else than an interrupted first run leaves."""
    foreign = [name for name in root.store.names(root.path) if not _OWN.fullmatch(name)]
    if foreign:
        named = ", ".join(foreign[:SHOWN]) + (", …" if len(foreign) > SHOWN else "")
        raise Refused(
            f"{root.path} is no root of refinery (no HEAD.json), and other files are there: {named}",
            hint="give a new or empty folder as root",
        )


def code_stamp(step: Step) -> str:
    """Version and code digest of a step's stage."""
    return f"{step.stage.version}:{code_digest(step.stage)}"


def changed_code(root: Root, head: Head | None, folders: Sequence[str], steps: Sequence[Step]) -> list[Step]:
    """Steps whose code changed while their version stayed, since results in their ``folders`` were made."""
    changed = []
    for folder, step in zip(folders, steps, strict=True):
        before, now = head.code.get(step.name, "") if head else "", code_stamp(step)
        version, _, code = before.partition(":")
        if (
            head
            and before != now
            and version == str(step.stage.version)
            and _has_results(root, head, folder, step, code)
        ):
            changed.append(step)
    return changed


def _has_results(root: Root, head: Head, folder: str, step: Step, code: str) -> bool:
    """Whether there are results of the step's version: that the head accepts, or that a killed run left."""
    if folder in head.manifests and root.manifest(head.manifests[folder]).version == step.stage.version:
        return True
    return any(receipt.code == code for receipt in root.receipts_of(folder))


def refuse_changed_code(changed: Sequence[Step]) -> None:
    """Raises Refused that names the stages, where there are any."""
    if changed:
        places = "; ".join(f"{step.name} ({defined_in(step.stage)})" for step in changed)
        raise Refused(
            f"the code of {places} changed since its results were made, and its version did not",
            hint="bump the stage's `version` to make them again, or give --accept-code if the results are the same",
        )


def refuse_misfit(root: Root, phase: Phase, memory: int) -> None:
    """Raise Refused where a task of a phase needs more than ``memory`` bytes, or the phase more disk than is free."""
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
