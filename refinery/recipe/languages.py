"""Warns about word lists and rules of a recipe that do not suit the languages that it keeps, from the recipe alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refinery.recipe import Pipeline, Step
from refinery.stage.base import Stage
from refinery.stage.by_language import ByLanguage
from refinery.stage.language_scope import LanguageScope

NAMED = 5
"""Languages that a warning names."""


@dataclass(frozen=True)
class LanguageWarning:
    """A stage that treats documents of kept languages wrongly, with the ``fix``."""

    stage: str
    text: str
    fix: str


def language_warnings(pipeline: Pipeline) -> tuple[LanguageWarning, ...]:
    """Return a warning for each word list or rule, in the order of the steps, that does not suit all kept languages.

    Without a stage that filters by language, documents of all languages are kept.
    """
    kept = kept_languages(pipeline.steps)
    warnings = [*_unknown_languages(pipeline.steps), *_unused_thresholds(pipeline.steps, kept)]
    for step in pipeline.steps:
        for scope in step.stage.language_scopes():
            languages = _outside(scope, kept, step.stage)
            if languages:
                text = f"{step.name}: {scope.what}, and the recipe keeps {languages}: {scope.otherwise}"
                warnings.append(LanguageWarning(step.name, text, scope.fix))
    return tuple(warnings)


def _unknown_languages(steps: Sequence[Step]) -> Iterator[LanguageWarning]:
    """Yield a warning for each stage with thresholds by language that comes before any identification."""
    for step in steps:
        if step.stage.language_metric:
            return
        if isinstance(step.stage, ByLanguage) and step.stage.thresholds:
            text = f"{step.name}: no stage before it identifies languages, so its thresholds by language never apply"
            yield LanguageWarning(step.name, text, "put a stage that identifies languages before it")


def _unused_thresholds(steps: Sequence[Step], kept: tuple[str, ...] | None) -> Iterator[LanguageWarning]:
    """Yield a warning for each stage all of whose thresholds by language are for languages that are not kept.

    Tables have more languages than most recipes keep.
    """
    for step in steps:
        own = step.stage.thresholds if isinstance(step.stage, ByLanguage) else {}
        if own and kept is not None and own.keys().isdisjoint(kept):
            names = ", ".join(list(own)[:NAMED]) + (" and more" if len(own) > NAMED else "")
            text = f"{step.name}: its thresholds are for {names}, and the recipe keeps {', '.join(kept)}"
            yield LanguageWarning(step.name, text, "keep these languages, or leave their thresholds out")


def kept_languages(steps: Sequence[Step]) -> tuple[str, ...] | None:
    """Return the languages that all stages with a language filter keep; None for all languages."""
    wanted = [kept for step in steps if (kept := step.stage.keeps_languages()) is not None]
    if not wanted:
        return None
    return tuple(code for code in wanted[0] if all(code in other for other in wanted[1:]))


def _outside(scope: LanguageScope, kept: tuple[str, ...] | None, stage: Stage) -> str:
    if kept is not None:
        return ", ".join(code for code in scope.outside(kept) if _has_scope(stage, code, scope))
    return f"all languages, {', '.join(scope.but)} included" if scope.but else "all languages"


def _has_scope(stage: Stage, code: str, scope: LanguageScope) -> bool:
    """Return False if the thresholds of a language leave the rule out that the scope is about."""
    if not isinstance(stage, ByLanguage) or code not in stage.thresholds:
        return True
    return any(one.what == scope.what for one in stage.in_language(code).language_scopes())
