"""Checks that a root belongs to a recipe: its dataset, its format, and the code that its results were computed with."""

from __future__ import annotations

import re
from collections.abc import Sequence

from refinery.errors import Refused
from refinery.identity import code_digest, defined_in
from refinery.recipe import Step
from refinery.root.manifests import Head
from refinery.root.root import Root

NAMED = 3
"""Foreign files that an error names."""

_OWN = re.compile(r"\..*|HEAD\.json|runs|tmp|inputs|superseded|quarantine|lost\+found|[0-9]{2,}-[a-z][a-z0-9_-]*")
"""Names in a root whose head was not written yet when it was looked for; hidden files do not count.

Another run may have written it since then. It is checked once the root is locked.
"""


def check_root(root: Root, dataset: str) -> Head | None:
    """Return the head of a root, or None for a new one. Raises Refused for another dataset or format."""
    head = root.head()
    if head is None:
        return None
    if head.dataset != dataset:
        raise Refused(
            f"{root.path} belongs to dataset {head.dataset!r}, the recipe has {dataset!r}",
            hint="choose another --root, or correct `dataset:`",
        )
    return head


def refuse_foreign(root: Root) -> None:
    """Raise Refused if a folder without a head has files that no interrupted first run leaves."""
    foreign = [name for name in root.store.names(root.path) if not _OWN.fullmatch(name)]
    if foreign:
        named = ", ".join(foreign[:NAMED]) + (", …" if len(foreign) > NAMED else "")
        raise Refused(
            f"{root.path} is no root of refinery (no HEAD.json), and other files are there: {named}",
            hint="choose a new or empty folder as root",
        )


def code_stamp(step: Step) -> str:
    """Version and code digest of a step's stage."""
    return f"{step.stage.version}:{code_digest(step.stage)}"


def changed_code(root: Root, head: Head | None, folders: Sequence[str], steps: Sequence[Step]) -> list[Step]:
    """Return the steps whose code changed and whose version did not since the results in their ``folders``."""
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
    """True if there are results of the step's version: accepted by the head, or left by a killed run."""
    if folder in head.manifests and root.manifest(head.manifests[folder]).version == step.stage.version:
        return True
    return any(receipt.code == code for receipt in root.receipts_of(folder))


def refuse_changed_code(changed: Sequence[Step]) -> None:
    """Raise Refused with the names of the stages, if there are any."""
    if changed:
        places = "; ".join(f"{step.name} ({defined_in(step.stage)})" for step in changed)
        raise Refused(
            f"the code of {places} changed since its results were computed, and its version did not",
            hint="bump the stage's `version` to compute them again, or pass --accept-code if the results are the same",
        )
