"""The file of one language: what its texts are like, and the thresholds of stages for them, with their evidence.

`refinery calibrate` writes such files, people review them, and stages read them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from refinery.errors import AssetError

WIDTH = 118
"""Characters of a line with words."""

DEPTH = 3
"""Tables within tables; what is deeper, the figures behind one threshold, is a line."""

_HINT = "compare it with a file that `refinery calibrate` wrote"

Share = Annotated[float, Field(ge=0, le=1)]
Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S+$")]
Number = int | float


class _FrozenFields(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ThresholdEvidence(_FrozenFields):
    """The figures behind one threshold, of the documents without outliers."""

    metric: str
    median: float
    quantile: float
    """The 5 % quantile of the metric, or the 95 % quantile for an upper threshold."""
    multiple: float
    """The threshold is this multiple of the quantile."""
    interval: tuple[float, float]
    """Thresholds from 90 % of the bootstrap samples lie in it."""
    removes: Share
    """Share of all documents of the sample, junk among them, that violate the threshold."""


class CalibrationEvidence(_FrozenFields):
    """The sample behind the thresholds of a language."""

    sample: str
    """The dataset, and how its documents were chosen."""
    documents: int = Field(ge=0)
    removed: int = Field(ge=0)
    """Documents among them that other rules remove; no threshold was derived from them."""
    outliers: int = Field(ge=0)
    """Documents among the others that are far from the rest in a calibrated metric; none was derived from them."""
    keeps: Share
    """Share of the documents without removed ones and outliers that satisfy all thresholds."""


class WordsEvidence(_FrozenFields):
    """The sources of the common words, with their licences."""

    sources: tuple[str, ...]
    documents: int = Field(ge=0)
    """Documents that were counted."""
    of_sample: bool = False
    """True if they were derived from the sample of the thresholds, whose words are derived again with it."""


class LanguageEvidence(_FrozenFields):
    """The sources of a file; None for what a person wrote."""

    words: WordsEvidence | None = None
    calibration: CalibrationEvidence | None = None
    thresholds: Mapping[str, Mapping[str, ThresholdEvidence]] = {}
    """By stage and field, as the thresholds."""


class LanguageFile(_FrozenFields):
    """The file ``CODE.toml`` of a language, ``thresholds`` by stage and field."""

    name: str = Field(min_length=1)
    """English name."""
    iso639_3: str = Field(pattern=r"^[a-z]{3}$")
    scripts: tuple[Annotated[str, Field(pattern=r"^[A-Z][a-z]{3}$")], ...] = Field(min_length=1)
    """ISO 15924, the most frequent first."""
    direction: Literal["ltr", "rtl"]
    common_words: tuple[Word, ...] = ()
    """The most frequent words, most frequent first, in lower case."""
    thresholds: Mapping[str, Mapping[str, Number]] = {}
    evidence: LanguageEvidence = LanguageEvidence()

    @field_validator("common_words")
    @classmethod
    def _are_distinct_and_lower_case(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        seen: set[str] = set()
        for word in words:
            if word != word.lower():
                raise ValueError(f"{word!r} is not in lower case")
            if word in seen:
                raise ValueError(f"{word!r} is listed twice")
            seen.add(word)
        return words

    @classmethod
    def from_toml(cls, path: str, text: str) -> Self:
        """Return the language of the text of the file ``path``.

        Raises AssetError, with the path and the field, where it is malformed.
        """
        try:
            return cls.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise AssetError(f"{path} is no TOML: {error}", hint=_HINT) from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise AssetError(f"{path}: {field}: {first['msg']}", hint=_HINT) from error

    def to_toml(self) -> str:
        """Return the text of the file: the same bytes for the same values."""
        return "\n".join(_table(self.model_dump(exclude_none=True, exclude_defaults=True), ())).strip() + "\n"


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table: its own values, then the tables in it."""
    below = {key: value for key, value in values.items() if isinstance(value, Mapping) and len(path) < DEPTH}
    own = {key: value for key, value in values.items() if key not in below}
    if path and own:
        yield f"\n[{'.'.join(path)}]"
    for key, value in own.items():
        yield from _entry(key, value)
    for key, value in below.items():
        yield from _table(value, (*path, key))


def _entry(key: str, value: Any) -> Iterator[str]:
    line = f"{key} = {_value(value)}"
    if isinstance(value, tuple) and len(line) > WIDTH:
        yield f"{key} = ["
        yield from _wrapped(f"{_value(item)}," for item in value)
        yield "]"
    else:
        yield line


def _wrapped(items: Iterable[str]) -> Iterator[str]:
    line = " "
    for item in items:
        if len(line) + len(item) >= WIDTH and line.strip():
            yield line
            line = " "
        line += f" {item}"
    yield line


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {_value(item)}' for key, item in value.items())}}}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    # JSON's strings are TOML's, but for the delete character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
