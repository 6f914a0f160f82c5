"""Reasons why a plan runs a stage."""

from __future__ import annotations

from typing import Any

from refinery.identity import configuration, library_versions, versions_changed
from refinery.planner.plan import Action
from refinery.planner.selection import Selection
from refinery.root.manifests import StageManifest
from refinery.stage.base import Stage


def reason_of(
    stage: Stage,
    manifest: StageManifest | None,
    action: Action,
    todo: int,
    selection: Selection,
    *,
    changing: bool,
) -> str:
    """One line for people. ``changing`` is True if a stage before it runs again."""
    if action == "keep":
        return "up to date"
    if manifest is None:
        return "not run yet"
    changes = _changes(stage, manifest)
    if changes:
        return "; ".join(changes) + (" (metrics are stored)" if action == "reapply" else "")
    if selection.force or selection.first is not None:
        return "selected"
    if changing:
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
