"""Which word lists and rules of a recipe do not suit the languages that it keeps. Looks at the recipe alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refinery.recipe import Pipeline, Step
from refinery.stage.base import Suited


@dataclass(frozen=True)
class LanguageWarning:
    """A stage that treats documents of kept languages wrongly: what and which, and the ``fix``."""

    stage: str
    text: str
    fix: str


def language_warnings(pipeline: Pipeline) -> tuple[LanguageWarning, ...]:
    """Return a warning for each word list or rule, in the order of the steps, that does not suit all kept languages.

    Without a stage that looks at languages, documents of all of them are kept.
    """
    kept = kept_languages(pipeline.steps)
    found = []
    for step in pipeline.steps:
        for suited in step.stage.suited():
            languages = _unsuited(suited, kept)
            if languages:
                text = f"{step.name}: {suited.what}, and the recipe keeps {languages}: {suited.otherwise}"
                found.append(LanguageWarning(step.name, text, suited.fix))
    return tuple(found)


def kept_languages(steps: Sequence[Step]) -> tuple[str, ...] | None:
    """The languages that all stages keep which look at them; None for all languages."""
    wanted = [kept for step in steps if (kept := step.stage.keeps_languages()) is not None]
    if not wanted:
        return None
    return tuple(code for code in wanted[0] if all(code in other for other in wanted[1:]))


def _unsuited(suited: Suited, kept: tuple[str, ...] | None) -> str:
    if kept is not None:
        return ", ".join(suited.unsuited(kept))
    return f"all languages, {', '.join(suited.but)} included" if suited.but else "all languages"
