"""Roots of what attacks a page, and their reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refinery.report import Built, build
from refinery.stage.base import Records
from tests.engine import toy
from tests.engine.looked import LINES, make, recipe
from tests.engine.roots import quick, write_inputs
from tests.engine.toy import records

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "javascript:document.title='owned'",
    "\u202egnp.exe\u2066 turned around",
    "nul \x00 and \x1b[31mred and \x7f and \ufeff",
    "{{ 7 * 7 }} {% raw %} </style></script><!-- ]]>",
    "a" * 1_000_000,
    "<svg onload=document.title='owned'> words of a line",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root whose URLs and texts are of the kind that attacks a page, kept and removed."""

    def dressed(path: str, rows: Any, skipped: int) -> Records:
        made = records(path, rows, skipped)
        urls = [f"https://{HOSTILE[number % len(HOSTILE)]}/{number}" for number, _ in rows]
        texts = [text and f"{text} {HOSTILE[number % len(HOSTILE)]}" for number, text in rows]
        return Records({**made.columns, "url": urls, "text": texts}, made.metrics, made.skipped)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy, "records", dressed)
        yield make(tmp_path_factory.mktemp("hostile"), keep_removed="text", audit=1)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of the same lines with another threshold."""
    folder = tmp_path_factory.mktemp("other")
    write_inputs(folder / "in", LINES)
    quick(recipe(folder, min_words=4))
    return folder / "root"


@pytest.fixture(scope="module")
def built(hostile: Path, other: Path) -> Built:
    """Its report, held against itself and another."""
    return build(str(hostile), against=[str(hostile), str(other)])


@pytest.fixture(scope="module")
def pages(built: Built) -> dict[str, str]:
    """Every page's text by its name."""
    return {name: (Path(built.folder) / name).read_text("utf-8") for name in built.files}
