"""Calibration of a language: reproducible, robust to junk, and never more than its root supports."""

from __future__ import annotations

import json
import os
import random
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.inspect.calibration import LEAST, calibrate
from refinery.stage.base import Filter
from refinery.stage.by_language import ByLanguage
from refinery.stage.documents import Docs
from refinery.stage.fields import threshold
from refinery.stage.language_file import LanguageFile
from refinery.stage.rules import Metric, Rule
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource

COMMON = ["der", "die", "und", "das", "von", "zu", "in", "den", "mit", "auf"]
RARE = [f"{a}{b}ung" for a in "bcdfghklmnpqrst" for b in ("ar", "el", "in", "or", "ut", "eich", "and")]


class Tongue(Filter):
    """The language of a text is what stands before its first colon."""

    name: ClassVar = "tongue"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("spoken", pa.string(), "label"),)
    language_metric: ClassVar = "spoken"

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("foreign", "spoken", is_in=("xx",)),)

    def measure(self, docs: Docs) -> dict[str, Sequence[str]]:
        return {"spoken": [text.partition(":")[0] for text in docs.texts()]}


class Usual(ByLanguage, Filter):
    """Keep texts with enough words, of usual length, among which common ones are not rare."""

    name: ClassVar = "usual"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("length"), Metric("common"), Metric("count"))
    words_field: ClassVar = "table"

    shortest: float = threshold(0.0, ge=0, calibrated=0.7, strictest=20)
    longest: float = threshold(99.0, ge=0, calibrated=1.3, strictest=1)
    least: float = threshold(0.0, ge=0, le=1, calibrated=0.5)
    enough: int = threshold(10)
    table: str = "table"

    def rules(self) -> tuple[Rule, ...]:
        return (
            Rule("short", "length", at_least=self.shortest),
            Rule("long", "length", at_most=self.longest),
            Rule("rare", "common", at_least=self.least),
            Rule("few", "count", at_least=self.enough),
        )

    def measure(self, docs: Docs) -> dict[str, Sequence[float | None]]:
        texts = [text.partition(":")[2].split() for text in docs.texts()]
        codes = docs.languages().to_pylist()
        return {
            "length": [sum(map(len, words)) / max(1, len(words)) for words in texts],
            "count": [float(len(words)) for words in texts],
            "common": [self._common(code, words) for code, words in zip(codes, texts, strict=True)],
        }

    def _common(self, code: str, words: Sequence[str]) -> float | None:
        path = Path(self.table, f"{code}.toml")
        if not path.exists() or not words:
            return None
        common = tomllib.loads(path.read_text())["common_words"][:10]
        return sum(word in common for word in words) / len(words)


def prose(draw: random.Random, code: str = "de") -> str:
    words = [draw.choice(COMMON) if draw.random() < 0.5 else draw.choice(RARE) for _ in range(120)]
    return f"{code}: {' '.join(words)}"


def keywords(draw: random.Random) -> str:
    return f"de: {' '.join(draw.choice(RARE) * 3 for _ in range(60))}"


def made(folder: Path, lines: Sequence[str]) -> str:
    write_inputs(folder / "in", [lines[::2], lines[1::2]])
    quick(pipeline(folder, steps(LineSource(), Tongue(), Usual()), write="every"))
    return str(folder / "root")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> str:
    draw = random.Random(3)
    lines = [prose(draw) for _ in range(60)] + [prose(draw, "nl") for _ in range(LEAST - 1)] + ["de: zu kurz"] * 3
    return made(tmp_path_factory.mktemp("clean"), lines)


def run(*options: str) -> int:
    return execute(["calibrate", *options])


def test_the_same_root_gives_the_same_file(clean: str, tmp_path: Path) -> None:
    """Byte for byte, also where the file is there already; the root keeps every file as it was."""
    before = {path: os.stat(path).st_mtime_ns for path in Path(clean).rglob("*")}
    texts = []
    for folder in ("a", "a", "b"):
        assert run("de", "--root", clean, "--out", str(tmp_path / folder), "-q") == 0
        texts.append((tmp_path / folder / "de.toml").read_bytes())
    assert texts[0] == texts[1] == texts[2]
    assert before == {path: os.stat(path).st_mtime_ns for path in Path(clean).rglob("*")}


def test_thresholds_have_their_evidence(clean: str) -> None:
    """Each calibrated field lies on its side of the quantile by its multiple, within its interval; no other is there."""
    file = calibrate(clean, "de")
    figures = file.evidence.thresholds["usual"]
    assert set(file.thresholds["usual"]) == set(figures) == {"shortest", "longest", "least"}
    for field, row in figures.items():
        number = file.thresholds["usual"][field]
        assert row.interval[0] <= number <= row.interval[1]
        assert number == pytest.approx(row.multiple * row.quantile, rel=0.01)
    assert file.evidence.calibration.documents == 63 and file.evidence.calibration.removed == 3
    assert set(file.common_words[:10]) == set(COMMON) and file.scripts == ("Latn",) and file.direction == "ltr"


def test_no_threshold_is_stricter_than_its_limit(clean: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minimum is at most the limit, a maximum at least; a limit that is not reached changes nothing."""
    free = calibrate(clean, "de")
    monkeypatch.setattr(Usual, "strictest", lambda: {"shortest": 1, "longest": 50, "least": 1})
    file = calibrate(clean, "de")
    assert file.thresholds["usual"] == {"shortest": 1, "longest": 50, "least": free.thresholds["usual"]["least"]}
    assert file.evidence.thresholds["usual"]["shortest"].interval == (1, 1)


def test_a_fifth_of_junk_hardly_moves_thresholds(clean: str, tmp_path: Path) -> None:
    """Keyword lists and texts of one word, a fifth of the sample, change no threshold by more than 6 %."""
    draw = random.Random(3)
    lines = [prose(draw) for _ in range(60)]
    lines += [keywords(draw) for _ in range(8)] + [f"de: {'und ' * 50}" for _ in range(7)]
    before, after = calibrate(clean, "de"), calibrate(made(tmp_path, lines), "de")
    assert set(after.common_words[:10]) == set(before.common_words[:10])
    for field, number in before.thresholds["usual"].items():
        assert after.thresholds["usual"][field] == pytest.approx(number, rel=0.06), field
    assert after.evidence.thresholds["usual"]["longest"].removes == pytest.approx(8 / 75, abs=1e-3)


def test_words_that_are_given_stay(clean: str) -> None:
    """A file that is there keeps its name and its words, with which the texts are measured."""
    given = LanguageFile(name="German", iso639_3="deu", scripts=("Latn",), direction="ltr", common_words=("der", "die"))
    file = calibrate(clean, "de", given=given)
    assert (file.name, file.common_words) == ("German", ("der", "die"))
    derived = calibrate(clean, "de").evidence.thresholds["usual"]["least"]
    assert file.evidence.thresholds["usual"]["least"].median == pytest.approx(derived.median * 2 / 10, rel=0.3)


def test_urls_select_documents(clean: str, tmp_path: Path) -> None:
    """Only documents with these URLs count; those of other languages still do not."""
    (tmp_path / "urls").write_text("\n".join(f"file://0.txt#{number}" for number in range(20)) + "\n\n")
    assert run("de", "--root", clean, "--urls", str(tmp_path / "urls"), "--out", str(tmp_path), "-q") == 0
    file = LanguageFile.from_toml("de.toml", (tmp_path / "de.toml").read_text())
    assert file.evidence.calibration.documents == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["../de"], "no language code"),
        (["zz"], "no document of the root is identified as zz"),
        (["nl"], f"{LEAST - 1} of {LEAST - 1} documents identified as nl"),
        (["de", "--urls", "missing.txt"], "missing.txt: no such file"),
    ],
)
def test_bad_usage_is_one_clear_error(
    clean: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    """It says what is wrong and how to go on, and writes nothing."""
    assert run(*options, "--root", clean, "--out", str(tmp_path / "out")) == 2
    printed = capsys.readouterr()
    assert message in printed.err and "hint:" in printed.err and not printed.out and not (tmp_path / "out").exists()


def test_one_language_of_several_that_fails_stops_no_other(
    clean: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are written, the exit code is 1, and JSON has those that were."""
    assert run("nl", "de", "--root", clean, "--out", str(tmp_path), "--json") == 1
    printed = capsys.readouterr()
    assert list(json.loads(printed.out)) == ["de"] and printed.err.startswith("nl: ")
    assert [path.name for path in tmp_path.iterdir()] == ["de.toml"]


def test_a_root_without_texts_or_languages_is_refused(tmp_path: Path) -> None:
    """The error names what is missing."""
    write_inputs(tmp_path / "in", [[prose(random.Random(1))] * 9])
    quick(pipeline(tmp_path, steps(LineSource(), Tongue(), Usual()), write="last"))
    with pytest.raises(UsageError, match="stores no texts from before the stage tongue"):
        calibrate(str(tmp_path / "root"), "de")
    quick(pipeline(tmp_path, steps(LineSource(), Usual()), write="every", root="other"))
    with pytest.raises(UsageError, match="no stage of the root identifies languages"):
        calibrate(str(tmp_path / "other"), "de")
