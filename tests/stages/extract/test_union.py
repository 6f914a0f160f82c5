"""The stage ``extract`` with two engines."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from refinery.identity import identity
from refinery.kernels import HAS_EXTRACTOR
from refinery.stage.base import Edited
from refinery.stages._extract.sandbox import Reply, Sandbox
from refinery.stages.extract import Extract
from tests.stages.test_extract import PAGE, extract

pytestmark = pytest.mark.skipif(not HAS_EXTRACTOR, reason="the native kernels are not built")

LINKS = "<nav>" + "".join(f"<a href=/{n}>Section number {n}</a> " for n in range(30)) + "</nav>"
UNSURE = f"<html><body>{LINKS}<div><b>Price</b> 12 <a href=/buy>Buy now</a></div>{LINKS}</body></html>"
"""A page of which the native engine expects little."""

PROGRAM = """
import json, sys
for line in sys.stdin:
    page = json.loads(line)
    if "<!--dies-->" in page["html"]:
        sys.exit(1)
    answer = {"error": "none"} if "<!--fails-->" in page["html"] else {"text": f"text of {page['url']}"}
    print(json.dumps({"id": page["id"], **answer}), flush=True)
"""


def sources(result: Edited) -> list[tuple[str | None, str | None]]:
    """Whose text each page has, and the outcome of the second engine."""
    return list(zip(*(result.metrics[name].to_pylist() for name in ("engine", "second")), strict=True))


def test_union_asks_the_second_engine_where_the_first_is_unsure() -> None:
    """A page has the second text if its confidence is below the limit, or it has no text, and the second is longer."""
    native, second = (extract(Extract(engine=engine), PAGE, UNSURE, None) for engine in ("native", "trafilatura"))
    confidence = native.metrics["confidence"].to_pylist()
    between = Extract(engine="union", below=(confidence[0] + confidence[1]) / 2)
    result = extract(between, PAGE, UNSURE, None, "<p>")
    own, others = (made.columns["text"].to_pylist() for made in (native, second))
    assert result.columns["text"].to_pylist() == [own[0], max(own[1], others[1], key=len), "", ""]
    longer = "trafilatura" if len(others[1]) > len(own[1]) else "native"
    assert sources(result) == [("native", None), (longer, "ok"), (None, "empty"), (None, "empty")]
    assert result.metrics["confidence"].to_pylist()[:2] == confidence[:2]


@pytest.mark.parametrize(("second", "engine"), [("short", "native"), ("longer " * 900, "trafilatura")])
def test_the_longer_text_is_the_pages(second: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the engines of the package: the one that was asked may have found less."""
    monkeypatch.setattr(Sandbox, "extract", lambda *_: Reply("ok", second))
    result = extract(Extract(engine="union", below=1), PAGE)
    assert sources(result) == [(engine, "ok")]
    assert (result.columns["text"][0].as_py() == second) == (engine == "trafilatura")


def test_a_page_that_the_second_engine_fails_keeps_its_text(tmp_path: Path) -> None:
    """Crashes and errors of a program are recorded, and cost neither this page nor another its text."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = (sys.executable, str(tmp_path / "program.py"))
    stage = Extract(engine="union", second="command", below=1, command=command, structure=True)
    some = [PAGE, PAGE + "<!--dies-->", PAGE + "<!--fails-->", UNSURE]
    result = extract(stage, *some)
    native = extract(Extract(engine="native", structure=True), *some)
    own, marks = (native.columns[name].to_pylist() for name in ("text", "structure"))
    assert result.columns["text"].to_pylist() == ["text of", own[1], own[2], "text of"]
    assert result.columns["structure"].to_pylist() == [None, marks[1], marks[2], None]
    assert sources(result) == [("command", "ok"), ("native", "crash"), ("native", "exception"), ("command", "ok")]


def test_the_command_and_its_version_are_in_the_identity() -> None:
    """A new version of a model makes new results, and so does its library only where it is asked."""
    union = {"engine": "union", "second": "command", "command": ["model"]}
    made = [Extract.model_validate({**union, "command_version": version}) for version in ("1", "2")]
    assert len({identity(stage) for stage in made}) == 2
    assert "trafilatura" in Extract(engine="union").versions()
    assert "trafilatura" not in made[0].versions()
