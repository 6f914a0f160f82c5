"""Writing the manifests and the head of a root from its receipts, during and after a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from refinery.identity import FORMAT, configuration, library_versions
from refinery.planner.compatibility import code_stamp
from refinery.planner.plan import Plan, StageState
from refinery.planner.planner import Planner
from refinery.recipe import recipe_dict
from refinery.recipe.languages import LanguageWarning, language_warnings
from refinery.root.manifests import Head, InputFigures, StageManifest
from refinery.root.outputs import settle
from refinery.root.receipt_sequence import Receipts, keys_of
from refinery.root.receipts import Receipt
from refinery.root.statistics import Statistics, merged, merged_audit
from refinery.runner.layouts import lay_out
from refinery.stage.base import Source
from refinery.statistics.group_files import write_merged
from refinery.statistics.parts import input_figures, outliers


@dataclass(frozen=True)
class _Entered:
    """A manifest that was written: its path below the root, and the state of the stage in it."""

    path: str
    state: StageState


@dataclass(frozen=True)
class _Merged:
    """Statistics of a stage, merged from receipts, and of each part of a source the removed records by reason."""

    receipts: Sequence[Receipt]
    statistics: Statistics
    reasons: list[dict[str, int]]


class State:
    """Writes the manifests and the head from what the planner knows. Those that are current are left alone."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._layout = planner.layout
        self._entered: dict[str, _Entered] = {}
        self._merged_by_folder: dict[str, _Merged] = {}

    @cached_property
    def _language_warnings(self) -> tuple[LanguageWarning, ...]:
        return language_warnings(self._layout.pipeline)

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

    def complete(self, plan: Plan, check: Callable[[], None]) -> None:
        """Make manifests, head and outputs match the receipts. ``plan`` as in `write`, ``check`` as in `settle`."""
        stages = plan.stages
        if self._is_stale(self._planner.root.head(), stages):
            self.write(plan)
        head = self._planner.root.head()
        stale = head is not None and not head.outputs_current
        if head is not None and stale:
            current = {folder: state.receipts for folder, state in zip(self._layout.folders, stages, strict=True)}
            settle(self._planner.root, current, check)
        lay_out(self._planner.root, self._layout.pipeline, stages[-1], check, anew=stale)
        if head is not None and stale:
            self._planner.root.write_head(head.model_copy(update={"outputs_current": True}))

    def knows_code(self, head: Head | None) -> bool:
        """Return True if a head has the code of all stages."""
        return head is not None and head.code == self._codes(head)

    def _is_stale(self, head: Head | None, stages: Sequence[StageState]) -> bool:
        """Return True if a head does not match the receipts: of another recipe, or of a run that was killed."""
        if head is None or head.recipe != recipe_dict(self._layout.pipeline) or not self.knows_code(head):
            return True
        known = self._planner.root.current_manifests(head)
        current = {f: s for f, s in zip(self._layout.folders, stages, strict=True) if s.receipts}
        return set(known) != set(current) or any(not _is_of(known[folder], current[folder]) for folder in current)

    def write(self, plan: Plan) -> None:
        """Write the manifests of all stages, whatever was selected, and the head that names them.

        ``plan`` is that of all stages and parts. A manifest whose receipts are those it was last written with is not
        written again.
        """
        paths = {}
        for position, state in enumerate(plan.stages):
            folder = self._layout.folders[position]
            if not state.receipts:
                continue
            if folder not in self._entered or self._entered[folder].state != state:
                manifest = self._manifest(position, state, plan.paths)
                write_merged(self._planner.root, folder, manifest.identity, state.receipts)
                self._entered[folder] = _Entered(self._planner.root.write_manifest(folder, manifest), state)
            paths[folder] = self._entered[folder].path
        self._write_head(self._planner.root.head(), paths)

    def _codes(self, head: Head | None) -> dict[str, str]:
        """Return code stamps, those of stages that left the recipe included: their results are still there."""
        return (head.code if head else {}) | {step.name: code_stamp(step) for step in self._layout.steps}

    def _write_head(self, before: Head | None, paths: dict[str, str]) -> None:
        head = Head(
            format=FORMAT,
            dataset=self._layout.pipeline.dataset,
            recipe=recipe_dict(self._layout.pipeline),
            folders=tuple(self._layout.folders),
            manifests=paths,
            code=self._codes(before),
        )
        if head != before:
            self._planner.root.write_head(head)

    def _merged(self, position: int, state: StageState) -> _Merged:
        """Return the merged statistics of a stage, and for each part its removed documents by reason."""
        folder = self._layout.folders[position]
        known = self._merged_by_folder.get(folder)
        if known is None or known.receipts != state.receipts:
            reasons: list[dict[str, int]] = []
            own = isinstance(self._layout.steps[position].stage, Source)
            statistics = merged(self._read(state.receipts, reasons) if own else self._sums(state.receipts))
            known = self._merged_by_folder[folder] = _Merged(state.receipts, statistics, reasons)
        return known

    def _sums(self, receipts: Sequence[Receipt]) -> Iterator[Statistics]:
        """Yield the stored sums of statistics, and the statistics that are in none."""
        summed = set[int]()
        for total, places in receipts.sums() if isinstance(receipts, Receipts) else ():
            summed.update(places)
            yield total
        for number, receipt in enumerate(receipts) if len(summed) < len(receipts) else ():
            if number not in summed:
                yield self._planner.root.statistics(receipt, number)

    def _read(self, receipts: Iterable[Receipt], reasons: list[dict[str, int]]) -> Iterator[Statistics]:
        for number, receipt in enumerate(receipts):
            part = self._planner.root.statistics(receipt, number)
            reasons.append(part.reasons)
            yield part

    def _manifest(self, position: int, state: StageState, paths: Mapping[str, str]) -> StageManifest:
        step = self._layout.steps[position]
        known = self._merged(position, state)
        source = step.stage if isinstance(step.stage, Source) else None
        return StageManifest(
            stage=step.name,
            kind=step.stage.name,
            identity=self._layout.identities[position],
            measure=self._layout.measures[position],
            version=step.stage.version,
            configuration=configuration(step.stage),
            libraries=library_versions(step.stage),
            expected=state.expected,
            parts=keys_of(state.receipts),
            shuffle=keys_of(state.shuffle),
            statistics=known.statistics,
            audit=keys_of(state.audit),
            audited=merged_audit(map(self._planner.root.audit_statistics, state.audit)),
            rules=tuple(rule.id for rule in step.stage.rules()),
            inputs=input_figures(source, state.receipts, known.reasons, paths) if source else InputFigures(),
            outliers=outliers(state.receipts),
            language_warnings=tuple((one.text, one.fix) for one in self._language_warnings if one.stage == step.name),
        )


def _is_of(manifest: StageManifest, state: StageState) -> bool:
    """Return True if a manifest is of these receipts."""
    keys = map(keys_of, (state.receipts, state.shuffle, state.audit))
    return (manifest.parts, manifest.shuffle, manifest.audit, manifest.expected) == (*keys, state.expected)
