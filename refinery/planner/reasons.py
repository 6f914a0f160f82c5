"""Reasons why a plan runs a stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from refinery.identity import configuration, library_versions, versions_changed
from refinery.planner.plan import Action
from refinery.planner.selection import Selection
from refinery.root.manifests import StageManifest
from refinery.stage.base import Stage
from refinery.stage.by_language import FIELD, ByLanguage


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
            by_language = name == FIELD and isinstance(stage, ByLanguage)
            found.append(_thresholds(old or {}, new or {}) if by_language else f"{name} {_short(old)} → {_short(new)}")
    return found


def _thresholds(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> str:
    """The languages whose thresholds differ; of a single one each number, a dash for the general one."""
    codes = [code for code in sorted({*old, *new}) if old.get(code, {}) != new.get(code, {})]
    if len(codes) > 1:
        return _short(f"thresholds of {len(codes)} languages: {', '.join(codes)}")
    before, after = old.get(codes[0], {}), new.get(codes[0], {})
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return ", ".join(f"{codes[0]}.{name} {before.get(name, '–')} → {after.get(name, '–')}" for name in names)


def _short(value: Any) -> str:
    if isinstance(value, dict) and "sha256" in value:
        return str(value["sha256"])[:8]
    text = ", ".join(map(_short, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
