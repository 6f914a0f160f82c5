"""Removals of a stage by language and rule, and its thresholds that differ by language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refinery.inspect.group_counts import Count
from refinery.inspect.groups import GroupOutcomes
from refinery.report import limits
from refinery.report.view import StageView, View
from refinery.stage.by_language import ByLanguage
from refinery.stage.rules import Rule


@dataclass(frozen=True)
class LanguageRemovals:
    """The documents of a language at a stage: those that came, and by rule those removed; ``own`` has its thresholds.

    Both mappings are by rule; ``own`` has the rules alone whose threshold is not the general one.
    """

    language: str
    given: Count
    kept: Count
    removed: Mapping[str, Count]
    own: Mapping[str, str]


@dataclass(frozen=True)
class LanguageTable:
    """The languages with most documents, by the ``rules`` that remove any of them or have thresholds of their own."""

    rules: tuple[str, ...]
    rows: tuple[LanguageRemovals, ...]


def removals_by_language(view: View, stage: StageView) -> LanguageTable | None:
    """Return the removals of a stage by language; None if the languages of its documents are not known, or only one."""
    found = [(group.name, one) for group in view.survival["language"].groups for one in group.stages]
    chosen = [(name, one) for name, one in found if one.stage == stage.name and one.given.documents]
    if len(chosen) < 2:
        return None
    rules = {rule.id: rule for rule in stage.step.stage.applied_rules()}
    rows = tuple(_row(name, one, rules) for name, one in chosen[: limits.RULE_LANGUAGES])
    named = dict.fromkeys([*rules, *(reason for row in rows for reason in row.removed)])
    used = [name for name in named if any(name in row.own or _removed(row, name) for row in rows)]
    return LanguageTable(tuple(used), rows) if used else None


def _row(language: str, outcomes: GroupOutcomes, rules: Mapping[str, Rule]) -> LanguageRemovals:
    own = {name: rule.threshold_in(language) for name, rule in rules.items() if language in rule.by_language}
    return LanguageRemovals(language, outcomes.given, outcomes.kept, outcomes.removed, own)


def _removed(row: LanguageRemovals, rule: str) -> int:
    return row.removed[rule].documents if rule in row.removed else 0


def language_settings(stage: StageView) -> list[tuple[str, str]]:
    """Return the fields that differ by language, as text: ``de``, ``min_words 40``."""
    configured = stage.step.stage
    if not isinstance(configured, ByLanguage):
        return []
    return [
        (code, ", ".join(f"{name} {number:g}" for name, number in values.items()))
        for code, values in configured.thresholds.items()
    ]


def threshold_texts(rule: Rule, languages: tuple[str, ...]) -> list[str]:
    """Return the general threshold, those of ``languages`` that have their own, and the number of others."""
    own = [code for code in languages if code in rule.by_language]
    more = len(rule.by_language) - len(own)
    others = [f"{more} {'more ' if own else ''}language{'s' if more > 1 else ''} with another"] if more else []
    return [rule.threshold, *map(rule.threshold_in, own), *others]
