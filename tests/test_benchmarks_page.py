"""The page of benchmarks is what its figures say, and says where others are better."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.bench import page
from tools.bench.sections import SECTIONS, Column, Table


def test_the_page_is_made_of_the_figures() -> None:
    """Whoever changes one makes the other again: `python -m tools.bench.page --write`."""
    figures = json.loads(page.FIGURES.read_text("utf-8"))
    assert set(figures) <= {section.name for section in SECTIONS}
    assert page.PAGE.read_text("utf-8") == page.page(figures)


def test_the_best_of_a_column_is_bold_and_named_if_it_is_not_ours() -> None:
    columns = (Column("F1", ".2f", 1), Column("ms", ".1f", -1), Column("pages", "d"))
    rows: dict[str, dict[str, float]] = {
        "refinery": {"F1": 0.9, "ms": 2.0, "pages": 5},
        "refinery other": {"F1": 0.8, "ms": 1.5, "pages": 5},
        "peer": {"ms": 1.0, "pages": 7},
    }
    table = Table("engine", columns, rows)
    assert list(page._lines(table)) == [
        "| engine | F1 | ms | pages |",
        "|---|---|---|---|",
        "| refinery | **0.90** | 2.0 | 5 |",
        "| refinery other | 0.80 | 1.5 | 5 |",
        "| peer |  | **1.0** | 7 |",
    ]
    assert list(page._where_others_win(table)) == ["ms, peer 1.0 and refinery 1.5"]


def test_a_section_without_its_inputs_is_not_run_and_one_that_fails_keeps_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = SECTIONS[0]
    before = {"command": "python old", "date": "2026-01-01", "seconds": 1, "machine": "m", "versions": {}}
    names = ("f1", "shingle_f1")
    result: dict[str, Any] = {
        "scores": {"all": {"native": dict.fromkeys(names, 0.5)}},
        "snippets": {"native": {"with": 0.1, "without": 0.2}},
        "milliseconds": {"native": {"mean": 1.0, "p99": 2.0}},
    }
    figures = tmp_path / "figures.json"
    figures.write_text(json.dumps({section.name: {**before, "result": result}}))
    monkeypatch.setattr(page, "FIGURES", figures)
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr("sys.argv", ["page", "--only", section.name])
    assert page.main() == 0
    assert "its inputs are not given" in capsys.readouterr().out
    assert "| refinery native |" in (tmp_path / "page.md").read_text()
    monkeypatch.setattr("sys.argv", ["page", "--only", section.name, "--pages", str(tmp_path / "nothing")])
    assert page.main() == 1
    assert json.loads(figures.read_text())[section.name]["result"] == result


def test_a_peer_that_did_not_run_is_named_with_the_reason() -> None:
    """And one that ran has its version, also from another interpreter."""
    (section,) = [section for section in SECTIONS if section.name == "decontamination"]
    ours = {"all exact": {"refinery": 0.5}, "clean": {"refinery": 0.0}, "us": {"refinery": 3.0}}
    found = {"command": "c", "date": "d", "seconds": 1, "machine": "m", "versions": {}, "result": ours}
    assert "decon did not run: it needs Python 3.12 or newer" in "\n".join(page._section(section, found))
    both = {label: {**figures, "decon": 0.25} for label, figures in ours.items()}
    found["result"] = {**both, "versions": {"decon": "0.3"}}
    text = "\n".join(page._section(section, found))
    assert "did not run" not in text
    assert "| refinery | **0.500** | **0.0000** | 3 |\n| decon | 0.250 |" in text
    assert "Others are better here: µs a document, decon 0 and refinery 3." in text
    assert text.rstrip().endswith("m. decon 0.3.")


def test_a_section_runs_without_a_peer_that_is_not_there() -> None:
    """Its option is left out; other inputs must be given."""
    (section,) = [section for section in SECTIONS if section.name == "decontamination"]
    given: dict[str, Any] = {**dict.fromkeys(page.INPUTS), "benchmarks": "b", "texts": "t"}
    assert page.command_of(section, given) == "-m tools.bench.decontamination b t --items 60 "
    assert (
        page.command_of(section, {**given, "decon": "p"}) == "-m tools.bench.decontamination b t --items 60 --decon p"
    )
    assert page.command_of(section, {**given, "texts": None}) is None


def test_commands_show_no_folders() -> None:
    assert page.shown("-m tools.bench.dedup /some/where/pages --only minhash") == (
        "python -m tools.bench.dedup pages --only minhash"
    )
