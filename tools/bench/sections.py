"""Sections of docs/benchmarks.md: the command of each, and the tables that are made from the JSON it prints."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Result = Mapping[str, Any]

OURS = "refinery"
"""How the names of our own rows begin."""

HIGH, LOW = 1, -1


@dataclass(frozen=True)
class Column:
    """A figure: how it is printed, and whether a high or a low one is better; 0 where neither is."""

    name: str
    form: str
    better: int = 0


@dataclass(frozen=True)
class Table:
    """Figures of systems in rows. A figure may be missing."""

    first: str
    columns: tuple[Column, ...]
    rows: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Section:
    """A heading, what is compared, and a command whose last line of output is JSON.

    ``{pages}`` and other names in the command are options of ``page.py``. A section whose options are not given keeps
    the figures of the last time.
    """

    name: str
    title: str
    about: str
    command: str
    tables: Callable[[Result], Iterator[Table]]
    absent: Mapping[str, str]
    """Systems that may be absent from the result, and the reason if they are."""


def extraction(result: Result) -> Iterator[Table]:
    """Yield quality and cost of engines."""
    names = {"native": "refinery native", "union": "refinery union"}
    everything = result["scores"]["all"]
    rows = {}
    for engine, milliseconds in result["milliseconds"].items():
        snippets, scores = result["snippets"][engine], everything[engine]
        rows[names.get(engine, engine)] = {
            "word F1": scores["f1"],
            "4-word F1": scores["shingle_f1"],
            "required found": snippets["with"],
            "boilerplate absent": snippets["without"],
            "ms a page": milliseconds["mean"],
            "99 % below, ms": milliseconds["p99"],
        }
    shares = (Column(name, ".3f", HIGH) for name in ("word F1", "4-word F1", "required found", "boilerplate absent"))
    yield Table("engine", (*shares, Column("ms a page", ".2f", LOW), Column("99 % below, ms", ".1f", LOW)), rows)


def row_stages(result: Result) -> Iterator[Table]:
    """Yield the cost of a page from the archive to rows, beside datatrove's chain."""
    ours = result["row_stages"] + 1000 * result["children_cpu_seconds"] / result["pages"]
    rows = {"refinery": {"ms a page": ours, "times": 1.0}}
    if "datatrove" in result:
        rows["datatrove"] = {"ms a page": result["datatrove"], "times": result["datatrove"] / ours}
    yield Table("pipeline", (Column("ms a page", ".2f", LOW), Column("times", ".1f", LOW)), rows)


def suffix_arrays(result: Result) -> Iterator[Table]:
    """Yield the cost of finding repeated substrings, for a byte of text."""
    names = {"kernels: all, ns/byte": OURS, "suffix array, LCP and marks, ns/byte": "suffix array (pydivsufsort)"}
    rows = {name: {"ns a byte": result[label]} for label, name in names.items() if label in result}
    yield Table("kernels", (Column("ns a byte", ",.1f", LOW),), rows)
    run = {"ns a byte": result["run: all, ns/byte"], "peak of a worker, MB": result["run: peak memory, MB"]}
    columns = (Column("ns a byte", ",.1f"), Column("peak of a worker, MB", ",.0f"))
    yield Table("the whole stage, from files to files", columns, {OURS: run})


def near_duplicates(result: Result) -> Iterator[Table]:
    """Yield cost, recall and precision of whole deduplications of planted copies."""
    rows = {}
    for name, figures in result.items():
        if isinstance(figures, dict) and "us/document" in figures:
            recall, precision = (_only(figures, start) for start in ("recall from", "precision"))
            system = name if name in {"datatrove", "datasketch"} else f"{OURS} {name}"
            cost = {"µs a document": figures["us/document"], "with all rows": figures["whole, us/document"]}
            rows[system] = {**cost, "recall": recall, "precision": precision}
    times = (Column("µs a document", ",.0f", LOW), Column("with all rows", ",.0f"))
    yield Table("", (*times, Column("recall", ".3f", HIGH), Column("precision", ".3f", HIGH)), rows)


def _only(figures: Mapping[str, Any], start: str) -> float:
    return next(float(value) for label, value in figures.items() if label.startswith(start) and "by" not in label)


def scale(result: Result) -> Iterator[Table]:
    """Yield the cost of many documents."""
    figures = {
        "documents": result["documents"],
        "map, µs a document": result["map, us/document"],
        "global part, µs a document": result["global part, us/document"],
        "peak of a worker, MB": result["peak memory so far, MB"],
    }
    columns = tuple(Column(name, ",.0f" if "µs" not in name else ",.1f") for name in figures)
    yield Table("", columns, {f"{OURS} {result['profile']}": figures})


def tokens(result: Result) -> Iterator[Table]:
    """Yield the speed of exports of token ids by tokenizer."""
    rows: dict[str, dict[str, float]] = {}
    for tokenizer, rates in result.items():
        for system, rate in rates.items():
            rows.setdefault(system, {})[tokenizer.removesuffix(".json")] = rate
    names = dict.fromkeys(name for row in rows.values() for name in row)
    yield Table("million tokens a second", tuple(Column(name, ".2f", HIGH) for name in names), rows)


def decontamination(result: Result) -> Iterator[Table]:
    """Yield the share of planted copies of benchmarks that is found, and of clean pages."""
    kinds = [label.removeprefix("all ") for label in result if label.startswith("all ")]
    systems = list(result["us"])
    rows = {
        {"decon": "decon"}.get(system, OURS): {
            **{kind: result[f"all {kind}"][system] for kind in kinds},
            "clean pages found": result["clean"][system],
            "µs a document": result["us"][system],
        }
        for system in systems
    }
    found = tuple(Column(kind, ".3f", HIGH) for kind in kinds)
    yield Table("", (*found, Column("clean pages found", ".4f", LOW), Column("µs a document", ",.0f", LOW)), rows)


def personal_data(result: Result) -> Iterator[Table]:
    """Yield F1 by kind of personal data."""
    kinds = list(next(iter(result.values()))["f1"])
    rows = {system: {**figures["f1"], "µs": figures["us"]} for system, figures in result.items()}
    yield Table("F1", (*(Column(kind, ".3f", HIGH) for kind in kinds), Column("µs", ",.0f", LOW)), rows)


def kernels(result: Result) -> Iterator[Table]:
    """Yield how many times as long as native kernels their twins take, and packages for the same work."""
    twins: dict[str, dict[str, float]] = {}
    peers: dict[str, dict[str, float]] = {}
    for contest in result["contests"]:
        for name, rival in contest["rivals"].items():
            if name == "twin":
                native = contest["rivals"]["native"]["figure"]
                twins[f"{contest['contest']}, {contest['unit']}"] = {"native": native, "twin, times": rival["ratio"]}
            elif name != "native":
                peers[f"{contest['contest']}: {name}"] = {"times as long": rival["ratio"]}
    yield Table("kernel", (Column("native", ",.2f"), Column("twin, times", ",.1f")), twins)
    yield Table("the same work", (Column("times as long", ",.1f"),), peers)


TABLES: dict[str, Callable[[Result], Iterator[Table]]] = {
    "extraction": extraction,
    "rows": row_stages,
    "rows-trafilatura": row_stages,
    "near-duplicates": near_duplicates,
    "scale": scale,
    "substrings": suffix_arrays,
    "tokens": tokens,
    "decontamination": decontamination,
    "personal-data": personal_data,
    "kernels": kernels,
}

SECTIONS = tuple(
    Section(
        name, given["title"], " ".join(given["about"].split()), given["command"], TABLES[name], given.get("absent", {})
    )
    for name, given in tomllib.loads(Path(__file__).with_name("page.toml").read_text("utf-8")).items()
)
