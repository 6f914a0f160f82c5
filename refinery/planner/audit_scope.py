"""The tasks of the shadow audit: all row stages for a few documents, whichever of them are removed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refinery.identity import digest, identity, part_key
from refinery.recipe import Step
from refinery.recipe.columns import Flow
from refinery.root.briefs import Brief
from refinery.root.receipts import Receipt
from refinery.stage.global_stage import Global
from refinery.task.tasks import AuditTask, StepRun


@dataclass(frozen=True)
class AuditScope:
    """The steps up to the last row stage that has rules, for 1 document in ``one_in``."""

    steps: tuple[StepRun, ...]
    one_in: int
    identity: str

    @classmethod
    def of(cls, steps: Sequence[Step], flows: Sequence[Flow], one_in: int) -> AuditScope:
        """The scope of a recipe. Global stages are not audited, so their configuration does not count."""
        ruled = [n for n, step in enumerate(steps) if one_in and n and _row_stage(step) and step.stage.rules()]
        count = max(ruled, default=0) + 1
        runs = [StepRun(step, flow) for step, flow in zip(steps[:count], flows, strict=False)]
        identities = [[step.name, identity(step.stage) if _row_stage(step) else ""] for step in steps[1:count]]
        return cls(tuple(runs), one_in, digest(["audit", one_in, identities]))

    def key(self, source: Brief) -> str:
        """The key of the audit of a part of the source."""
        return part_key(self.identity, (*source.inputs, source.content))

    def task(self, root: str, folder: str, source: Receipt, path: str) -> AuditTask:
        """The audit of the part of the source that was read from the input file ``path``."""
        inputs = (*source.inputs, source.contents["kept"])
        return AuditTask(
            root=root,
            name=source.stage,
            folder=folder,
            part=source.part,
            key=part_key(self.identity, inputs),
            inputs=inputs,
            paths=(path,),
            rows=tuple(file.path for file in source.files.get("kept", ())),
            steps=self.steps,
            one_in=self.one_in,
        )


def _row_stage(step: Step) -> bool:
    return not isinstance(step.stage, Global)
