"""What ``plan`` shows: for each stage what would be done, why, and how much it is. Reads receipts; does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refinery.config import Pipeline
from refinery.guard import changed_code, check_root
from refinery.identity import configuration, library_versions, versions_changed
from refinery.part import Root, StageManifest
from refinery.planner import Planner
from refinery.preflight import preflight
from refinery.stage import Global, Stage
from refinery.survey import Action, Made, Selection, manifests


@dataclass(frozen=True)
class StageForecast:
    """One stage of a plan.

    ``parts`` of which ``todo`` are to be made; sizes in bytes and CPU seconds of what is to be done, estimated from the
    parts that are there, None where none is, or where stored facts are only judged. ``memory`` and ``disk`` are what a
    global stage takes at most beyond its kept and removed rows: of one task, and of the root; ``shuffle`` are the bytes
    that its map sends on. ``run`` refuses what does not fit.
    """

    name: str
    action: Action
    reason: str
    parts: int
    todo: int
    read: int | None
    write: int | None
    seconds: float | None
    memory: int | None = None
    disk: int | None = None
    shuffle: int | None = None


@dataclass(frozen=True)
class Forecast:
    """A plan as people read it. ``changed_code`` names stages that ``run`` will refuse to go on with."""

    dataset: str
    root: str
    inputs: int
    input_bytes: int
    stages: tuple[StageForecast, ...]
    changed_code: tuple[str, ...]
    blocked: str
    audit: int = 0
    """Parts that are still to be audited."""

    @property
    def nothing_to_do(self) -> bool:
        """Whether every stage is up to date, and audited."""
        return not self.audit and all(stage.action == "keep" for stage in self.stages)


def plan(pipeline: Pipeline, selection: Selection = Selection()) -> Forecast:
    """Compare the recipe with what is in its root. Raises RefineryError as ``run`` would."""
    planner = preflight(pipeline, selection, accept_code=True).cleared()
    root = planner.root
    head = check_root(root, planner.pipeline.dataset)
    survey = planner.survey()
    known = manifests(root, head)
    inputs = planner.inputs.counted(selection)
    size = sum(found.size for found in planner.inputs.stats(inputs))
    stages: list[StageForecast] = []
    before = _Cost(size / len(inputs), 0, 0)
    for position, made in enumerate(survey.made[: planner.last + 1]):
        folder = planner.folders[position]
        cost = _Cost.of(root, folder, known.get(folder))
        stages.append(_stage(planner, position, made, known.get(folder), stages, selection, before, cost))
        before = cost
    return Forecast(
        dataset=planner.pipeline.dataset,
        root=root.path,
        inputs=len(inputs),
        input_bytes=size,
        stages=tuple(stages),
        changed_code=tuple(step.name for step in changed_code(root, head, planner.folders, planner.steps)),
        blocked=survey.blocked,
        audit=survey.made[0].expected - len(survey.made[0].audit) if planner.audits else 0,
    )


@dataclass(frozen=True)
class _Cost:
    """Means over the parts that are there, None where none is.

    Bytes kept, bytes written in all, seconds, documents kept, bytes of their text.
    """

    kept: float | None
    written: float | None
    seconds: float | None
    documents: float | None = None
    text: float | None = None

    @classmethod
    def of(cls, root: Root, folder: str, manifest: StageManifest | None) -> _Cost:
        """From the receipts of a stage, its shuffle's included."""
        parts = root.receipts(folder, manifest.parts) if manifest else []
        if manifest is None or not parts:
            return cls(None, None, None)
        made = parts + root.receipts(folder, manifest.shuffle)
        written = sum(receipt.total(name) for receipt in made for name in receipt.files)
        kept, seconds = sum(r.total("kept") for r in parts), sum(r.seconds for r in made)
        documents = sum(r.rows["kept"] for r in parts)
        text = sum(r.rows.get("text", 0) for r in parts)
        return cls(*(total / len(parts) for total in (kept, written, seconds, documents, text)))


def _stage(
    planner: Planner,
    position: int,
    made: Made,
    manifest: StageManifest | None,
    earlier: Sequence[StageForecast],
    selection: Selection,
    before: _Cost,
    cost: _Cost,
) -> StageForecast:
    stage = planner.steps[position].stage
    todo, parts = made.actions["run"] + made.actions["judge"], made.expected
    if todo == parts and stage.shard_bytes() is not None and manifest is not None:
        todo = parts = manifest.expected  # how many shards there will be is not known before
    action: Action = "keep" if not todo else "run" if made.actions["run"] else "judge"
    documents = _whole(before.documents, parts) if todo and isinstance(stage, Global) else None
    text = _whole(before.text, parts) or 0
    return StageForecast(
        name=planner.steps[position].name,
        action=action,
        reason=_reason(stage, manifest, action, todo, earlier, selection),
        parts=parts,
        todo=todo,
        read=_whole(before.kept, todo),
        write=_whole(cost.written, todo),
        seconds=None if cost.seconds is None or action == "judge" else cost.seconds * todo,  # judging costs little
        memory=_known(stage.needs(documents + planner.earlier_documents(position), documents))
        if documents and isinstance(stage, Global)
        else None,
        disk=_known(stage.stores(documents, text)) if documents and isinstance(stage, Global) else None,
        shuffle=_known(stage.shuffles(documents, text)) if documents and isinstance(stage, Global) else None,
    )


def _known(count: int) -> int | None:
    return count or None


def _whole(mean: float | None, parts: int) -> int | None:
    return None if mean is None else int(mean * parts)


def _reason(
    stage: Stage,
    manifest: StageManifest | None,
    action: Action,
    todo: int,
    before: Sequence[StageForecast],
    selection: Selection,
) -> str:
    if action == "keep":
        return "up to date"
    if manifest is None:
        return "not made yet"
    changes = _changes(stage, manifest)
    if changes:
        return "; ".join(changes) + (" (facts are stored)" if action == "judge" else "")
    if selection.force or selection.first is not None:
        return "asked for"
    if any(other.action != "keep" for other in before):
        return "its input will change"
    return f"{todo:,} parts are new or missing" if todo > 1 else "1 part is new or missing"


def _changes(stage: Stage, manifest: StageManifest) -> list[str]:
    if manifest.version != stage.version:
        return [f"version {manifest.version} → {stage.version}"]
    found = versions_changed(manifest.libraries, library_versions(stage))
    now = configuration(stage)
    for name in sorted({*now, *manifest.configuration}):
        old, new = manifest.configuration.get(name), now.get(name)
        if old != new:
            found.append(f"{name} {_short(old)} → {_short(new)}")
    return found


def _short(value: Any) -> str:
    if isinstance(value, dict) and "sha256" in value:
        return str(value["sha256"])[:8]
    text = ", ".join(map(_short, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
