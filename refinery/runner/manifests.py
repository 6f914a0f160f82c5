"""The manifests of a root and its head, as a run writes them from the receipts that it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from refinery.identity import FORMAT, configuration, library_versions, measure_identity
from refinery.planner.planner import Planner
from refinery.planner.requirements import code_stamp
from refinery.planner.state import Made, manifests
from refinery.recipe import recipe_dict
from refinery.recipe.languages import LanguageWarning, language_warnings
from refinery.root.manifests import Head, InputFigures, StageManifest
from refinery.root.outputs import settle
from refinery.root.receipts import Receipt
from refinery.stage.base import Filter, Source
from refinery.statistics import AuditStatistics, StageStatistics, input_figures, outliers
from refinery.statistics.group_files import write_merged


@dataclass(frozen=True)
class Told:
    """A manifest that was written: its path below the root, and what of it may change."""

    path: str
    made: tuple[list[Receipt], list[Receipt], list[Receipt], int]


class State:
    """What this run has written of them. It knows what the planner knows."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._told: dict[str, Told] = {}
        self._statistics: dict[str, tuple[list[Receipt], dict[str, Any], list[dict[str, int]]]] = {}

    @cached_property
    def _unsuited(self) -> tuple[LanguageWarning, ...]:
        return language_warnings(self._planner.pipeline)

    def begin(self) -> None:
        """Record that outputs will change, and by which code, so that a killed run is guarded as well."""
        head = self._planner.root.head()
        if head is None:
            self._write_head(None, {})
        elif not self.has_begun(head):
            changes = {"code": self._codes(head), "outputs_current": False}
            self._planner.root.write_head(head.model_copy(update=changes))

    def has_begun(self, head: Head | None) -> bool:
        """Return True if a head records all that `begin` would."""
        return self.knows_code(head) and head is not None and not head.outputs_current

    def complete(self, check: Callable[[], None]) -> None:
        """Bring manifests, head and outputs to what the receipts say. ``check`` as in `outputs.settle`."""
        if self.is_stale(self._planner.root.head()):
            self.write()
        head = self._planner.root.head()
        if head is not None and not head.outputs_current:
            made = self._planner.everything().survey().made
            current = {folder: each.receipts for folder, each in zip(self._planner.folders, made, strict=True)}
            settle(self._planner.root, current, check)
            self._planner.root.write_head(head.model_copy(update={"outputs_current": True}))

    def knows_code(self, head: Head | None) -> bool:
        """Whether a head has the code of all stages."""
        return head is not None and head.code == self._codes(head)

    def is_stale(self, head: Head | None) -> bool:
        """Whether a head tells something else than the receipts: of another recipe, or of a run that was killed."""
        if head is None or head.recipe != recipe_dict(self._planner.pipeline) or not self.knows_code(head):
            return True
        known, folders = manifests(self._planner.root, head), self._planner.folders
        found = {f: m for f, m in zip(folders, self._planner.everything().survey().made, strict=True) if m.receipts}
        return set(known) != set(found) or any(not _tells(known[folder], found[folder]) for folder in found)

    def write(self) -> None:
        """Manifests of all that is there, whatever was selected, and the head that names them.

        What tells the same as when it was last written here is left alone.
        """
        paths = {}
        whole = self._planner.everything()
        for position, made in enumerate(whole.survey().made):
            folder = self._planner.folders[position]
            if not made.receipts:
                continue
            if folder not in self._told or self._told[folder].made != _ids(made):
                manifest = self._manifest(position, made, whole.paths)
                write_merged(self._planner.root, folder, manifest.identity, made.receipts)
                path = self._planner.root.write_manifest(folder, manifest)
                self._told[folder] = Told(path, _ids(made))
            paths[folder] = self._told[folder].path
        self._write_head(self._planner.root.head(), paths)

    def _codes(self, head: Head | None) -> dict[str, str]:
        """Those of stages that the recipe has no more included: their results are still there."""
        return (head.code if head else {}) | {step.name: code_stamp(step) for step in self._planner.steps}

    def _write_head(self, before: Head | None, paths: dict[str, str]) -> None:
        head = Head(
            format=FORMAT,
            dataset=self._planner.pipeline.dataset,
            recipe=recipe_dict(self._planner.pipeline),
            folders=tuple(self._planner.folders),
            manifests=paths,
            code=self._codes(before),
        )
        if head != before:
            self._planner.root.write_head(head)

    def _merged(self, position: int, made: Made) -> tuple[dict[str, Any], list[dict[str, int]]]:
        """The merged statistics of a stage, and for each part its removed documents by reason."""
        folder = self._planner.folders[position]
        if folder not in self._statistics or self._statistics[folder][0] != made.receipts:
            merged = StageStatistics(type(self._planner.steps[position].stage))
            root = self._planner.root
            reasons = [merged.merge_part(root, receipt, place) for place, receipt in enumerate(made.receipts)]
            self._statistics[folder] = made.receipts, merged.to_json(), reasons
        return self._statistics[folder][1:]

    def _audited(self, made: Made) -> dict[str, Any]:
        if not made.audit:
            return {}
        merged = AuditStatistics()
        for receipt in made.audit:
            merged.merge_part(self._planner.root, receipt)
        return {"one_in": self._planner.pipeline.audit, **merged.to_json()}

    def _manifest(self, position: int, made: Made, paths: Mapping[str, str]) -> StageManifest:
        step = self._planner.steps[position]
        statistics, reasons = self._merged(position, made)
        source = step.stage if isinstance(step.stage, Source) else None
        return StageManifest(
            stage=step.name,
            kind=step.stage.name,
            identity=self._planner.identities[position],
            measure=measure_identity(step.stage) if isinstance(step.stage, Filter) else "",
            version=step.stage.version,
            configuration=configuration(step.stage),
            libraries=library_versions(step.stage),
            expected=made.expected,
            parts=tuple(r.key for r in made.receipts),
            shuffle=tuple(r.key for r in made.shuffle),
            statistics=statistics,
            audit=tuple(r.key for r in made.audit),
            audited=self._audited(made),
            rules=tuple(rule.id for rule in step.stage.rules()),
            inputs=input_figures(source, made.receipts, reasons, paths) if source else InputFigures(),
            outliers=outliers(made.receipts),
            unsuited=tuple((one.text, one.fix) for one in self._unsuited if one.stage == step.name),
        )


def _ids(made: Made) -> tuple[list[Receipt], list[Receipt], list[Receipt], int]:
    return made.receipts, made.shuffle, made.audit, made.expected


def _tells(manifest: StageManifest, made: Made) -> bool:
    """Whether a manifest is of these receipts."""
    keys = (tuple(receipt.key for receipt in some) for some in (made.receipts, made.shuffle, made.audit))
    return (manifest.parts, manifest.shuffle, manifest.audit, manifest.expected) == (*keys, made.expected)
