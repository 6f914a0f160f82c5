"""Parts of reference roots: the sorted keyed rows of a global stage, and its verdicts. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from refinery.errors import UsageError
from refinery.identity import configuration, digest, library_versions, map_identity, versions_changed
from refinery.root.manifests import Head, StageManifest
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.addresses import reference_number
from refinery.stage.global_stage import Global
from refinery.store import store_for


@dataclass(frozen=True)
class ReferencePart:
    """A part of another root, or of this one (with ``root`` empty): its number in the rounds, and its map's files.

    ``verdict`` is the path of the verdict on its documents, below its root; empty where none is needed.
    """

    number: int
    root: str
    mapped: Receipt
    verdict: str = ""
    content: str = ""
    """Content id of the verdict."""


def reference_parts(stage: Global) -> list[ReferencePart]:
    """Return the parts of all roots that the stage deduplicates against.

    Raises UsageError where there is no such root, the stage is not finished there, or computes other keys, and
    Refused for a root of another format.
    """
    return [part for place, path in enumerate(stage.reference_roots()) for part in parts_of_root(stage, place, path)]


def parts_of_root(stage: Global, place: int, path: str) -> list[ReferencePart]:
    """Return the parts of the root at a place in the list. Raises as ``reference_parts``."""
    root = Root(path, store_for(path))
    folder, manifest = _comparable(stage, root, root.existing_head("`against` names roots of finished runs"))
    mapped: dict[str, Receipt] = {}
    verdicts: dict[str, str] = {}
    for receipt in root.receipts(folder, manifest.shuffle):
        if receipt.kind == "map":
            mapped[receipt.inputs[-1]] = receipt
        if receipt.kind == "resolve":
            verdicts |= {receipt.contents[name]: refs[0].path for name, refs in receipt.files.items()}
    parts = []
    # By what went into a part, for parts are numbered anew when a root's inputs change.
    for number, receipt in enumerate(root.receipts(folder, manifest.parts), reference_number(place, 0)):
        given, verdict = receipt.inputs
        if given not in mapped or verdict not in verdicts:
            raise UsageError(
                f"{path}: stage {manifest.stage!r} has no verdict of part {receipt.part}", hint="run it again"
            )
        parts.append(ReferencePart(number, root.path, mapped[given], verdicts[verdict], verdict))
    return parts


def _comparable(stage: Global, root: Root, head: Head) -> tuple[str, StageManifest]:
    """Return the finished stage of the root whose keys are computed as this stage computes them."""
    manifests = {folder: root.manifest(path) for folder, path in head.manifests.items()}
    same_kind = {folder: manifest for folder, manifest in manifests.items() if manifest.kind == stage.name}
    if not same_kind:
        raise UsageError(
            f"{root.path} has no stage {stage.name!r} to compare with",
            hint=f"`against` names roots whose recipe has {stage.name}, and whose run has reached it",
        )
    wanted = map_identity(stage)
    for folder, manifest in same_kind.items():
        if _map_identity(stage, manifest) == wanted:
            if not manifest.complete:
                raise UsageError(f"{root.path}: stage {manifest.stage!r} is not finished", hint="finish its run first")
            return folder, manifest
    differences = "; ".join(_differences(stage, next(iter(same_kind.values()))))
    raise UsageError(
        f"{root.path} is no reference for this recipe: its {stage.name} has {differences}",
        hint="use the same settings and versions, or make the reference root again",
    )


def _map_identity(stage: Global, manifest: StageManifest) -> str:
    fields = {name: manifest.configuration[name] for name in sorted(stage.map_fields) if name in manifest.configuration}
    return digest(["map", [manifest.kind, manifest.version, manifest.libraries], fields])


def _differences(stage: Global, manifest: StageManifest) -> list[str]:
    differences = versions_changed(manifest.libraries, library_versions(stage))
    differences += [f"version {manifest.version}, not {stage.version}"] if manifest.version != stage.version else []
    now = configuration(stage)
    for name in sorted(stage.map_fields):
        if manifest.configuration.get(name) != now.get(name):
            differences.append(f"{name} {manifest.configuration.get(name)}, not {now.get(name)}")
    return differences
