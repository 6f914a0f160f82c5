"""Stages whose thresholds may differ by language.

Only numbers that rules compare can differ: what a stage measures is the same for all languages, so other thresholds of
a language re-apply rules to stored metrics.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Self

from pydantic import TypeAdapter, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from refinery.errors import UsageError
from refinery.stage.base import Stage
from refinery.stage.fields import threshold
from refinery.stage.rules import Rule

Thresholds = Mapping[str, Mapping[str, Any]]
"""Language code → field of a stage → number."""

CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z]+)*")
"""ISO 639-1 where it exists, else ISO 639-3; a stage may refuse more."""

FIELD = "thresholds"
"""The field's name; in a recipe, keys that are language codes are parts of it."""


class ByLanguage(Stage):
    """Base of a stage whose numeric ``threshold`` fields may have other values for documents of a language.

    ``rules`` stays as it is: the rules of a language are those of the stage with the language's values. It returns the
    same rules whatever the values are.

        class Vowels(ByLanguage, Filter):
            least: float = threshold(0.25)

            def rules(self) -> tuple[Rule, ...]:
                return (Rule("few_vowels", "vowels", at_least=self.least),)

        Vowels(thresholds={"pl": {"least": 0.2}})  # in a recipe: vowels: {pl: {least: 0.2}}
    """

    thresholds: Thresholds = threshold(
        {},
        description="thresholds by language: table, a folder of tables, or {CODE: {FIELD: NUMBER}}; see languages.md",
    )

    @classmethod
    def load_thresholds(cls, place: str) -> Thresholds:
        """Return the thresholds that a place has for this stage: ``table``, or the path of a folder.

        Raises UsageError for another place, or where the stage has no table.
        """
        raise UsageError(f"{cls.name} has no table {place[:80]!r}", hint="write {CODE: {FIELD: NUMBER}}")

    @classmethod
    def check_language(cls, code: str) -> None:
        """Raise ValueError, with the fix, for a code that no document has."""
        if not CODE.fullmatch(code):
            raise ValueError("expected a language code of two or three letters, such as de")

    @classmethod
    def language_fields(cls) -> tuple[str, ...]:
        """Return the fields that may differ by language: the thresholds that are numbers."""
        return _numeric_thresholds(cls)

    def applied_rules(self, languages: Iterable[str] | None = None) -> tuple[Rule, ...]:
        """The rules, each with the numbers of the ``languages`` that have their own; of all languages without them."""
        own: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for code in self.thresholds if languages is None else languages:
            for rule in self.in_language(code).rules() if code in self.thresholds else ():
                if rule.number is not None:
                    own[rule.id][code] = rule.number
        return tuple(
            replace(rule, by_language={code: n for code, n in own[rule.id].items() if n != rule.number})
            for rule in self.rules()
        )

    def in_language(self, code: str) -> Self:
        """Return the stage with the values of a language as its general ones."""
        return self.model_copy(update={**self.thresholds.get(code, {}), FIELD: {}})

    # ------------------------------------------------------------------------------------------------------ validation

    @field_validator(FIELD, mode="before")
    @classmethod
    def _loaded(cls, value: object) -> object:
        return cls.load_thresholds(value) if isinstance(value, str) else value

    @field_validator(FIELD)
    @classmethod
    def _checked(cls, given: Thresholds) -> Thresholds:
        """Check the codes and each number as its field does; sort, for the order of keys has no meaning."""
        problems = [problem for code in given for problem in _problems(cls, code, given[code])]
        if problems:
            raise ValidationError.from_exception_data(cls.__name__, problems)
        return {
            code: {n: _adapter(cls, n).validate_python(given[code][n]) for n in sorted(given[code])}
            for code in sorted(given)
        }

    @model_validator(mode="after")
    def _agrees_in_each_language(self) -> Self:
        """Refuse a language's thresholds that contradict each other or the general ones."""
        general = {name: getattr(self, name) for name in type(self).model_fields}
        rules = [rule.id for rule in self.rules()]
        for code, values in self.thresholds.items():
            try:
                stage = type(self).model_validate({**general, **values, FIELD: {}})
                if [rule.id for rule in stage.rules()] != rules:
                    raise ValueError(f"{self.name} has other rules with the values of {code}: only numbers may differ")
            except ValidationError as error:
                reason = error.errors(include_url=False)[0]
                raise ValueError(f"{code}: {reason.get('ctx', {}).get('error', reason['msg'])}") from error
        return self


def _problems(stage: type[ByLanguage], code: str, values: Mapping[str, int | float]) -> Iterator[InitErrorDetails]:
    try:
        stage.check_language(code)
    except ValueError as error:
        yield _problem(error, (code,), values)
    for name, value in values.items():
        yield from _field_problems(stage, (code, name), value)


def _field_problems(stage: type[ByLanguage], where: tuple[str, str], value: object) -> Iterator[InitErrorDetails]:
    name = where[1]
    if name not in stage.model_fields:
        yield InitErrorDetails(type="extra_forbidden", loc=where, input=value)
    elif name not in stage.language_fields():
        yield _problem(f"{name} has one value for all languages", where, value)
    else:
        try:
            _adapter(stage, name).validate_python(value, strict=True)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                yield InitErrorDetails(type=one["type"], ctx=one.get("ctx", {}), loc=where, input=value)


def _problem(reason: object, where: tuple[str, ...], value: object) -> InitErrorDetails:
    kind = PydanticCustomError("value_error", "{error}", {"error": str(reason)})
    return InitErrorDetails(type=kind, loc=where, input=value)


@cache
def _adapter(stage: type[Stage], name: str) -> TypeAdapter[Any]:
    """Return the check of a field alone."""
    info = stage.model_fields[name]
    kind: Any = Annotated[info.annotation, None, *info.metadata]  # at least one annotation
    return TypeAdapter(kind)


@cache
def _numeric_thresholds(stage: type[Stage]) -> tuple[str, ...]:
    thresholds = stage.roles("threshold")
    return tuple(n for n, info in stage.model_fields.items() if n in thresholds and info.annotation in (int, float))
