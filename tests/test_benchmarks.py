"""Benchmarks work on roots and texts as they are now."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from refinery.planner.estimator import plan
from refinery.recipe import load
from tools.bench import bookkeeping, charsets, crowd, dashboard, phrases, scripts


def test_a_text_of_a_crowd_depends_on_its_number_and_cluster_alone() -> None:
    """Batches of any size make the same texts."""
    numbers, clusters = np.arange(6, dtype=np.uint64), np.array([0, 0, 1, 2, 0, 1], np.uint64)
    whole = crowd.texts(numbers, clusters).to_pylist()
    assert whole == [crowd.texts(numbers[n : n + 1], clusters[n : n + 1])[0].as_py() for n in range(6)]
    assert all(len(text.split()) == crowd.WORDS for text in whole)


def test_the_benchmark_of_the_dashboard_makes_pages_of_a_root_with_many_parts(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part has all the files that a report reads."""
    monkeypatch.setattr(sys, "argv", ["dashboard", str(root), "--parts", "5"])
    assert dashboard.main() == 0
    assert capsys.readouterr().out.startswith("5 parts")


@pytest.mark.slow
def test_the_benchmark_of_bookkeeping_writes_a_root_that_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its counts reconcile, and a plan of it has nothing to do."""
    options = ["--parts", "3", "--commands", "stats", "--folder", str(tmp_path), "--keep"]
    monkeypatch.setattr(sys, "argv", ["bookkeeping", *options])
    assert bookkeeping.main() == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["parts"] == 3
    assert plan(load(str(tmp_path / "root-3.yaml"))).nothing_to_do


def test_the_benchmarks_of_languages_print_a_line_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of charsets with the means over all, of phrases with what they cut of main texts."""
    texts = {"pl": "Zażółć gęślą jaźń, i wszyscy się z nim zgodzili.", "ja": "川だ。続きを読む"}
    docs = [
        {"url": f"{lang}{number}", "lang": lang, "kind": "clean", "web": "template", "text": f"{text}\n{text}"}
        for lang, text in texts.items()
        for number in range(3)
    ]
    with gzip.open(tmp_path / "docs.jsonl.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(doc) + "\n" for doc in docs)
    monkeypatch.setattr(sys, "argv", ["bench", str(tmp_path)])
    assert charsets.main() == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in printed[1:-2]] == [
        ["ja", encoding, "3"] for encoding in ("shift_jis", "euc_jp", "iso2022_jp")
    ] + [["pl", encoding, "3"] for encoding in ("cp1250", "iso8859-2")]
    assert phrases.main() == 0
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["ja", "3", "0.58824"],
        ["pl", "3", "0.00000"],
    ]


def test_a_page_in_another_script_keeps_its_markup_and_its_gold_texts() -> None:
    """Each text is replaced by one of the other language; those in the gold text are marked."""
    supply = scripts.Supply("ru", ["Река снова поднялась прошлой ночью мимо старых мельниц из камня"])
    page = "<html><body><div class='a'>Menu and more</div><p>The river rose <b>again</b> last night.</p></body></html>"
    made, texts = scripts.replaced(page, "The river rose again last night.", supply)
    assert [wanted for _, wanted in texts] == [False, True, True, True]
    assert texts[-1].text.endswith(".")
    assert all(f"{text}" in made for text, _ in texts)
    assert made.count("<") == page.count("<")
    assert scripts.scores(" ".join(text for text, wanted in texts if wanted), texts)[1] == 1
