"""Thresholds by language: configuration, identity, and the rules that follow from them."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from refinery import ByLanguage, Docs, Filter, Metric, Rule, Values, threshold
from refinery.identity import identity, measure_identity


class Spoken(ByLanguage, Filter):
    """A stage with two rules on one metric."""

    name: ClassVar = "spoken"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("share"),)

    least: float = threshold(0.25, ge=0, le=1)
    most: float = threshold(0.75, ge=0, le=1)
    wanted: tuple[str, ...] = threshold(("a",))
    length: int = 3

    def rules(self) -> tuple[Rule, ...]:
        return Rule("few", "share", at_least=self.least), Rule("many", "share", at_most=self.most)

    def measure(self, docs: Docs) -> Values:
        return {"share": [0.5] * len(docs)}


class Sometimes(Spoken):
    """A stage that leaves a rule out."""

    name: ClassVar = "sometimes"

    def rules(self) -> tuple[Rule, ...]:
        return super().rules() if self.least else super().rules()[1:]


numbers = st.fixed_dictionaries(
    {}, optional={"least": st.sampled_from([0, 0.1, 0.5]), "most": st.just(0.5) | st.just(1)}
)
tables = st.dictionaries(st.sampled_from(["de", "en", "th", "ceb"]), numbers, max_size=4)


@given(tables)
def test_the_rules_of_a_language_are_those_of_a_stage_with_its_numbers(table: dict[str, Any]) -> None:
    """Each rule has the number of the language, where that is another than the general one."""
    stage = Spoken(thresholds=table)
    for code in ("de", "en", "th", "ceb", "fi"):
        alone = Spoken(**table.get(code, {})).rules()
        for rule, own, only in zip(stage.applied_rules(), alone, stage.applied_rules([code]), strict=True):
            assert rule.by_language.get(code, rule.number) == own.number
            assert only.threshold_in(code) == rule.threshold_in(code)
            assert set(only.by_language) <= {code}


@given(tables, st.randoms())
def test_the_order_of_keys_has_no_meaning(table: dict[str, Any], chance: Any) -> None:
    """The identity is that of the numbers: not of the order of languages and fields, nor of 1 and 1.0."""
    codes = list(table)
    chance.shuffle(codes)
    other = {code: {n: float(v) for n, v in reversed(table[code].items())} for code in codes}
    assert identity(Spoken(thresholds=table)) == identity(Spoken(thresholds=other))
    assert json.dumps(dict(Spoken(thresholds=other).thresholds)) == json.dumps(
        dict(Spoken(thresholds=table).thresholds)
    )


def test_thresholds_of_a_language_measure_nothing() -> None:
    """They are part of the identity of rows, not of that of metrics."""
    plain, german = Spoken(), Spoken(thresholds={"de": {"least": 0.1}})
    assert identity(plain) != identity(german)
    assert measure_identity(plain) == measure_identity(german)


@pytest.mark.parametrize(
    ("table", "where", "reason"),
    [
        ({"german": {"least": 0.1}}, ("german",), "language code"),
        ({"de": {"lest": 0.1}}, ("de", "lest"), "Extra inputs"),
        ({"de": {"least": 2}}, ("de", "least"), "less than or equal to 1"),
        ({"de": {"least": "0.1"}}, ("de", "least"), "valid number"),
        ({"de": {"wanted": ["b"]}}, ("de", "wanted"), "one value for all languages"),
        ({"de": {"length": 4}}, ("de", "length"), "one value for all languages"),
        ({"de": 4}, ("de",), "Input should be"),
        ({"de": {"least": 0.8}}, (), "de: no document has share ≥ 0.8 .few. and ≤ 0.75 .many."),
        ("table", (), "no table"),
    ],
)
def test_wrong_thresholds_are_refused(table: Any, where: tuple[str, ...], reason: str) -> None:
    """An error names the language and the field, and the reason."""
    with pytest.raises(Exception, match=reason) as caught:
        Spoken(thresholds=table)
    if isinstance(caught.value, ValidationError) and where:
        assert caught.value.errors()[0]["loc"][1:3] == where


def test_a_rule_that_a_language_leaves_out_is_a_defect_of_the_stage() -> None:
    """It could not be applied by language, so it is not ignored."""
    assert len(Sometimes(thresholds={"de": {"least": 0.5}}).applied_rules()) == 2
    with pytest.raises(ValueError, match="other rules with the values of de"):
        Sometimes(thresholds={"de": {"least": 0}})
