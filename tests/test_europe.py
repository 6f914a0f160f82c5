"""The recipe of RefinedWeb-Europe: that of RefinedWeb, for the ten languages whose shares its page lists."""

from __future__ import annotations

import re

from refinery.recipe import Pipeline, load
from tests.conftest import REPOSITORY


def recipe(name: str) -> Pipeline:
    """A recipe of the project."""
    return load(str(REPOSITORY / "configs" / f"{name}.yaml"))


def test_it_keeps_the_languages_of_the_published_mixture_in_their_order() -> None:
    """The page's table has the shares, which add up to one; its query has the same."""
    page = (REPOSITORY / "docs" / "languages.md").read_text(encoding="utf-8")
    titles, shares = (
        re.findall(r"[^|]+", line) for line in re.findall(r"^\| \| de .*|^\| share of tokens.*", page, re.MULTILINE)
    )
    published = {code.strip(): int(share) for code, share in zip(titles[1:], shares[1:], strict=True)}
    assert sum(published.values()) == 100
    assert list(published) == sorted(published, key=lambda code: -published[code])
    steps = {step.name: step.stage for step in recipe("refinedweb-europe").steps}
    assert steps["language"].keeps_languages() == tuple(published)
    assert {code: int(share) for code, share in re.findall(r"\('(\w\w)', (\d+)\)", page)} == published


def test_it_is_the_method_of_refinedweb() -> None:
    """Both recipes have equal stages in one order, but for settings by language and the folders of the export."""
    english, europe = recipe("refinedweb"), recipe("refinedweb-europe")
    assert [step.name for step in europe.steps if step.name != "prose"] == [step.name for step in english.steps]
    own = {step.name: step.stage.model_dump() for step in english.steps}
    differing = {
        f"{step.name}.{field}"
        for step in europe.steps
        for field, value in step.stage.model_dump().items()
        if step.name in own and own[step.name][field] != value
    }
    assert differing <= {
        "language.keep",
        "repetition.thresholds",
        "repetition.words",
        "quality.thresholds",
        "quality.words",
        "quality.min_stop_words",
        "lines.phrases",
        "lines.thresholds",
        "lines.words",
        "export.partition_by",
    }
    prose = next(step.stage for step in europe.steps if step.name == "prose")
    applied = {rule.id for rule in prose.rules() if rule.number not in (0, 1)}
    assert applied <= {"few_common_words"}
    assert europe.steps[-1].stage.partition_column() == "lang"
