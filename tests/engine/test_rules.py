"""Judging: verdicts against a naive oracle, and the explanation of a removal."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings, strategies as st

from refinery.stage.rules import ERROR, FAILED, QUARANTINED, WHY, Rule, Trouble, apply_rules, explain

FACTS = pa.struct([("n", pa.int64()), ("share", pa.float64()), ("lang", pa.string()), ("big", pa.uint64())])
LABELS = ("en", "de", "th")

thresholds = st.integers(-3, 3) | st.sampled_from([0.5, 0.25, 2.0**60])
label_sets = st.lists(st.sampled_from(LABELS), unique=True).map(tuple)
rows = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-4, 4) | st.sampled_from([2**62 + 1, -(2**63)]),
        "share": st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        "lang": st.none() | st.sampled_from(LABELS),
        "big": st.none() | st.sampled_from([0, 3, 2**64 - 1]),
    }
)
troubles = st.sampled_from([None, None, None, (ERROR, "ValueError: no"), (QUARANTINED, "killed")])


@st.composite
def rule_lists(draw: st.DrawFn) -> list[Rule]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        metric = draw(st.sampled_from(FACTS.names))
        one_of = (
            {"is_in": label_sets, "not_in": label_sets}
            if metric == "lang"
            else {"at_least": thresholds, "at_most": thresholds}
        )
        kind = draw(st.sampled_from(sorted(one_of)))
        limit: dict[str, Any] = draw(st.fixed_dictionaries({kind: one_of[kind]}))
        own = {} if metric == "lang" else draw(st.dictionaries(st.sampled_from(LABELS), thresholds, max_size=2))
        found.append(Rule(f"rule{number}", metric, **limit, by_language=own))
    return found


def violates(rule: Rule, value: Any, language: str | None) -> bool:
    if value is None:
        return False
    if rule.at_least is not None:
        return bool(value < rule.by_language.get(language or "-", rule.at_least))
    if rule.at_most is not None:
        return bool(value > rule.by_language.get(language or "-", rule.at_most))
    if rule.is_in is not None:
        return value not in rule.is_in
    return value in (rule.not_in or ())


def trouble_of(found: list[tuple[str, str] | None]) -> Trouble:
    return Trouble(
        pa.array([t and t[0] for t in found], pa.string()), pa.array([t and t[1] for t in found], pa.string())
    )


@settings(max_examples=150)
@given(rule_lists(), st.lists(st.tuples(rows, troubles), max_size=8))
def test_verdicts_are_true(rules: list[Rule], documents: list[tuple[dict[str, Any], tuple[str, str] | None]]) -> None:
    """A document fails exactly the rules that its metrics violate, the first of them is its reason, trouble is alone."""
    metrics = pa.array([metric for metric, _ in documents], FACTS)
    languages = pc.struct_field(metrics, "lang")
    verdict = apply_rules(rules, metrics, trouble_of([trouble for _, trouble in documents]), languages)
    expected = [
        [trouble[0]] if trouble else [rule.id for rule in rules if violates(rule, metric[rule.metric], metric["lang"])]
        for metric, trouble in documents
    ]
    assert verdict.failed.to_pylist() == expected
    assert verdict.first.to_pylist() == [failed[0] if failed else None for failed in expected]
    assert verdict.kept.to_pylist() == [not failed for failed in expected]
    assert verdict.failed.type == FAILED.type


@settings(max_examples=60)
@given(rule_lists(), st.lists(st.tuples(rows, troubles), max_size=8))
def test_explanations_are_true(
    rules: list[Rule], documents: list[tuple[dict[str, Any], tuple[str, str] | None]]
) -> None:
    """``why`` names the stage and the first failed rule with its metric, value and threshold, or the trouble's note."""
    metrics = pa.array([metric for metric, _ in documents], FACTS)
    languages = pc.struct_field(metrics, "lang")
    verdict = apply_rules(rules, metrics, trouble_of([trouble for _, trouble in documents]), languages)
    why = explain("here", verdict)
    assert why.type == WHY.type
    assert len(why) == len(documents)
    for (metric, trouble), said, first in zip(documents, why.to_pylist(), verdict.first.to_pylist(), strict=True):
        assert (said is None) == (first is None)
        if trouble:
            assert said == dict.fromkeys(WHY.type.names) | {"stage": "here", "rule": trouble[0], "note": trouble[1]}
        elif said:
            rule = next(rule for rule in rules if rule.id == first)
            value = metric[rule.metric]
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            parts = (said["stage"], said["rule"], said["metric"], said["value"], said["threshold"], said["note"])
            assert parts == ("here", first, rule.metric, shown, rule.threshold_in(metric["lang"]), None)


def test_no_rules_keep_all() -> None:
    """A stage without rules removes only documents in trouble; one without metrics as well."""
    metrics = pa.nulls(3, pa.struct([]))
    verdict = apply_rules((), metrics, trouble_of([None, (ERROR, "why"), None]))
    assert verdict.kept.to_pylist() == [True, False, True]
    assert explain("s", verdict).to_pylist()[1]["note"] == "why"


def test_no_documents() -> None:
    """An empty batch has an empty verdict of the right types."""
    rules = [Rule("few", "n", at_least=1)]
    verdict = apply_rules(rules, pa.array([], FACTS), Trouble.none(0))
    assert (len(verdict.first), len(verdict.failed), len(explain("s", verdict))) == (0, 0, 0)
    assert (verdict.first.type, verdict.failed.type) == (pa.string(), FAILED.type)


def test_the_bound_itself_passes() -> None:
    """``at_least`` and ``at_most`` include the threshold, for numbers of every type."""
    for kind in (pa.int8(), pa.uint32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.bool_()):
        values = pa.array([True], pa.bool_()).cast(kind)
        assert Rule("low", "x", at_least=1).violated(values).to_pylist() == [False]
        assert Rule("high", "x", at_most=1).violated(values).to_pylist() == [False]


@pytest.mark.parametrize("given_thresholds", [{}, {"at_least": 1.0, "at_most": 2.0}, {"is_in": (), "at_most": 0.0}])
def test_a_rule_has_one_bound(given_thresholds: dict[str, Any]) -> None:
    """A rule with no threshold or with two is an error when it is made."""
    with pytest.raises(ValueError, match="exactly one threshold"):
        Rule("r", "m", **given_thresholds)


def test_a_language_without_its_own_threshold_takes_the_general_one() -> None:
    """Unknown languages, null and languages without a number have the general threshold, in verdicts and in words."""
    rule = Rule("few", "n", at_least=50, by_language={"de": 40})
    languages = pa.array(["de", "de", "en", None, "xx", "de"])
    values = pa.array([40, 39, 49, 49, 50, None])
    assert rule.violated(values, languages.dictionary_encode()).to_pylist() == [False, True, True, True, False, False]
    assert rule.violated(values).to_pylist() == [True, True, True, True, False, False]
    assert [rule.threshold_in(code) for code in ("de", "en", None)] == ["≥ 40 (de)", "≥ 50", "≥ 50"]


def test_only_numbers_differ_by_language() -> None:
    """A rule that compares labels has one threshold."""
    with pytest.raises(ValueError, match="no thresholds by language"):
        Rule("other", "lang", is_in=("en",), by_language={"de": 1})
