"""Writing the manifests and the head of a root from its receipts, during and after a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from refinery.identity import FORMAT, configuration, library_versions, measure_identity
from refinery.planner.planner import Planner
from refinery.planner.requirements import code_stamp
from refinery.planner.state import Made, manifests
from refinery.recipe import recipe_dict
from refinery.recipe.languages import LanguageWarning, language_warnings
from refinery.root.manifests import Head, InputFigures, StageManifest
from refinery.root.outputs import settle
from refinery.root.receipts import Receipt
from refinery.root.statistics import Statistics, merged, merged_audit
from refinery.stage.base import Filter, Source
from refinery.statistics.group_files import write_merged
from refinery.statistics.parts import input_figures, outliers


@dataclass(frozen=True)
class _Entered:
    """A manifest that was written: its path below the root, and the receipts and expected parts in it."""

    path: str
    made: tuple[list[Receipt], list[Receipt], list[Receipt], int]


@dataclass(frozen=True)
class _Merged:
    """Statistics of a stage, merged from receipts, and of each the removed documents by reason."""

    receipts: list[Receipt]
    statistics: Statistics
    reasons: list[dict[str, int]]


class State:
    """Writes the manifests and the head from what the planner knows. Those that are current are left alone."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._entered: dict[str, _Entered] = {}
        self._merged_by_folder: dict[str, _Merged] = {}

    @cached_property
    def _language_warnings(self) -> tuple[LanguageWarning, ...]:
        return language_warnings(self._planner.pipeline)

    def begin(self) -> None:
        """Record that outputs will change, and by which code, so that a killed run leaves both in the head."""
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
        """Make manifests, head and outputs match the receipts. ``check`` as in `outputs.settle`."""
        if self.is_stale(self._planner.root.head()):
            self.write()
        head = self._planner.root.head()
        if head is not None and not head.outputs_current:
            made = self._planner.everything().survey().made
            current = {folder: each.receipts for folder, each in zip(self._planner.folders, made, strict=True)}
            settle(self._planner.root, current, check)
            self._planner.root.write_head(head.model_copy(update={"outputs_current": True}))

    def knows_code(self, head: Head | None) -> bool:
        """Return True if a head has the code of all stages."""
        return head is not None and head.code == self._codes(head)

    def is_stale(self, head: Head | None) -> bool:
        """Return True if a head does not match the receipts: of another recipe, or of a run that was killed."""
        if head is None or head.recipe != recipe_dict(self._planner.pipeline) or not self.knows_code(head):
            return True
        known, folders = manifests(self._planner.root, head), self._planner.folders
        found = {f: m for f, m in zip(folders, self._planner.everything().survey().made, strict=True) if m.receipts}
        return set(known) != set(found) or any(not _is_of(known[folder], found[folder]) for folder in found)

    def write(self) -> None:
        """Write the manifests of all stages, whatever was selected, and the head that names them.

        A manifest whose receipts are those it was last written with is not written again.
        """
        paths = {}
        whole = self._planner.everything()
        for position, made in enumerate(whole.survey().made):
            folder = self._planner.folders[position]
            if not made.receipts:
                continue
            if folder not in self._entered or self._entered[folder].made != _ids(made):
                manifest = self._manifest(position, made, whole.paths)
                write_merged(self._planner.root, folder, manifest.identity, made.receipts)
                path = self._planner.root.write_manifest(folder, manifest)
                self._entered[folder] = _Entered(path, _ids(made))
            paths[folder] = self._entered[folder].path
        self._write_head(self._planner.root.head(), paths)

    def _codes(self, head: Head | None) -> dict[str, str]:
        """Return code stamps, those of stages that left the recipe included: their results are still there."""
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

    def _merged(self, position: int, made: Made) -> _Merged:
        """Return the merged statistics of a stage, and for each part its removed documents by reason."""
        folder = self._planner.folders[position]
        known = self._merged_by_folder.get(folder)
        if known is None or known.receipts != made.receipts:
            reasons: list[dict[str, int]] = []
            statistics = merged(self._read(made.receipts, reasons))
            known = self._merged_by_folder[folder] = _Merged(made.receipts, statistics, reasons)
        return known

    def _read(self, receipts: Iterable[Receipt], reasons: list[dict[str, int]]) -> Iterator[Statistics]:
        for number, receipt in enumerate(receipts):
            part = self._planner.root.statistics(receipt, number)
            reasons.append(part.reasons)
            yield part

    def _manifest(self, position: int, made: Made, paths: Mapping[str, str]) -> StageManifest:
        step = self._planner.steps[position]
        known = self._merged(position, made)
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
            statistics=known.statistics,
            audit=tuple(r.key for r in made.audit),
            audited=merged_audit(map(self._planner.root.audit_statistics, made.audit)),
            rules=tuple(rule.id for rule in step.stage.rules()),
            inputs=input_figures(source, made.receipts, known.reasons, paths) if source else InputFigures(),
            outliers=outliers(made.receipts),
            language_warnings=tuple((one.text, one.fix) for one in self._language_warnings if one.stage == step.name),
        )


def _ids(made: Made) -> tuple[list[Receipt], list[Receipt], list[Receipt], int]:
    return made.receipts, made.shuffle, made.audit, made.expected


def _is_of(manifest: StageManifest, made: Made) -> bool:
    """Return True if a manifest is of these receipts."""
    keys = (tuple(receipt.key for receipt in some) for some in (made.receipts, made.shuffle, made.audit))
    return (manifest.parts, manifest.shuffle, manifest.audit, manifest.expected) == (*keys, made.expected)
