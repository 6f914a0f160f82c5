"""Runs the benches that the page of benchmarks rests on, and writes docs/benchmarks.json and docs/benchmarks.md.

usage: python -m tools.bench.page [--only NAME …] [--pages FOLDER] [--folds FOLDER] [--wet FILES] [--tokenizers FILES]
           [--python PYTHON] [--benchmarks FOLDER] [--texts FILES] [--decon PYTHON] [--write]

A section whose inputs are not given keeps its figures of the last time; so does one that fails, and the exit code is
then 1. ``--write`` runs nothing, and makes the page of the JSON. Inputs are what the benches want, and what cannot be
part of the repository: pages with gold texts (tools/bench/gold.py), WET files, tokenizer.json files, interpreters with
datatrove's own versions and with decon, files of benchmarks. Peers come by ``make benchmarks``; those that are not
there are left out by the benches.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import shlex
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from tools.bench.sections import OURS, SECTIONS, Column, Section, Table

REPOSITORY = Path(__file__).resolve().parents[2]
FIGURES, PAGE = REPOSITORY / "docs" / "benchmarks.json", REPOSITORY / "docs" / "benchmarks.md"

INPUTS = ("pages", "folds", "wet", "tokenizers", "python", "benchmarks", "texts", "decon")

PEERS = (
    *("trafilatura", "resiliparse", "html-to-markdown", "readability-lxml", "justext", "inscriptis", "datatrove"),
    *(
        "datasketch",
        "rensa",
        "pydivsufsort",
        "scipy",
        "tokenizers",
        "presidio-analyzer",
        "tiktoken",
        "fasttext-predict",
    ),
)

BEGINNING = """# Benchmarks

Written by `make benchmarks`, which runs every bench below and keeps what they print in
[benchmarks.json](benchmarks.json). All systems of a table had the same input in one run on one core; times are CPU
times. Machines differ, and shared ones are noisy: compare figures within a table, not between tables. **Bold** is the
best of a column.
"""


def main() -> int:
    """Run the sections whose inputs are given, and write both files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="*", choices=[section.name for section in SECTIONS])
    parser.add_argument("--write", action="store_true")
    for name in INPUTS:
        parser.add_argument(f"--{name}")
    arguments = parser.parse_args()
    figures = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    failed = []
    for section in SECTIONS:
        if arguments.write or (arguments.only and section.name not in arguments.only):
            continue
        command = command_of(section, vars(arguments))
        if command is None:
            print(f"{section.name}: not run, its inputs are not given", flush=True)
            continue
        found = measured(command)
        if found is None:
            failed.append(section.name)
            continue
        figures[section.name] = found
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(figures), "utf-8")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def command_of(section: Section, given: Mapping[str, Any]) -> str | None:
    """Return the section's command with the inputs in it; nothing if one is missing that it cannot do without."""
    folds = f"--folds {given['folds']}" if given["folds"] else ""
    decon = f"--decon {given['decon']}" if given["decon"] else ""
    values = {**{name: given[name] for name in INPUTS}, "folds": folds, "decon": decon, "folder": "{folder}"}
    needed = {name for _, name, _, _ in string.Formatter().parse(section.command) if name}
    return None if any(values[name] is None for name in needed) else section.command.format(**values)


def measured(command: str) -> dict[str, Any] | None:
    """Run a bench and return its figures with where and how they were made; nothing if it failed."""
    print(f"python {command}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, *shlex.split(command.format(folder=f"{folder}/bench"))]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run(run, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    return {
        "command": shown(command),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "seconds": round(time.monotonic() - started),
        "machine": machine(),
        "versions": versions(),
        "result": json.loads(lines[-1]),
    }


def shown(command: str) -> str:
    """Return a command without the paths of this machine."""
    words = [word if word.startswith(("tools.", "-")) else word.rpartition("/")[2] for word in command.split()]
    return f"python {' '.join(words)}".replace("{folder}", "FOLDER")


def machine() -> str:
    """Return the processor and the Python."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(names)} cores, Python {platform.python_version()}"


def versions() -> dict[str, str]:
    """Return the versions of the peers that are installed."""
    found = {}
    for name in PEERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def page(figures: Mapping[str, Any]) -> str:
    """Return the page: a section for each bench that has figures."""
    parts = [BEGINNING]
    for section in SECTIONS:
        if section.name in figures:
            parts += _section(section, figures[section.name])
    return "\n".join(parts)


def _section(section: Section, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {section.title}\n\n{section.about}\n"
    better: list[str] = []
    for table in section.tables(found["result"]):
        yield "\n".join(_lines(table)) + "\n"
        better += _where_others_win(table)
    if better:
        yield f"Others are better here: {'; '.join(better)}.\n"
    systems = {name for table in section.tables(found["result"]) for name in table.rows}
    for name, reason in section.absent.items():
        if name not in systems:
            yield f"{name} did not run: {reason}.\n"
    named = json.dumps(found["result"]).lower() + section.about.lower() + section.command
    used = [f"{name} {version}" for name, version in found["versions"].items() if name.partition("-")[0] in named]
    used += [f"{name} {version}" for name, version in found["result"].get("versions", {}).items()]
    peers = f" {', '.join(used)}." if used else ""
    yield f"`{found['command']}`, {found['date']}, {found['seconds']:,} s. {found['machine']}.{peers}\n"


def _lines(table: Table) -> Iterator[str]:
    yield "| " + " | ".join([table.first, *(column.name for column in table.columns)]) + " |"
    yield "|---" * (len(table.columns) + 1) + "|"
    best = {column.name: _best(table, column) for column in table.columns}
    for name, row in sorted(table.rows.items(), key=lambda item: not item[0].startswith(OURS)):
        cells = [_cell(row.get(column.name), column, best[column.name]) for column in table.columns]
        yield "| " + " | ".join([name, *cells]) + " |"


def _best(table: Table, column: Column) -> float | None:
    values = [row[column.name] for row in table.rows.values() if column.name in row]
    if not column.better or len(values) < 2:
        return None
    return max(values) if column.better > 0 else min(values)


def _cell(value: float | None, column: Column, best: float | None) -> str:
    if value is None:
        return ""
    text = format(value, column.form)
    return f"**{text}**" if value == best else text


def _where_others_win(table: Table) -> Iterator[str]:
    """Yield a phrase for each column whose best is another system's, with the best of ours."""
    for column in table.columns:
        best = _best(table, column)
        ours = [row[column.name] for name, row in table.rows.items() if name.startswith(OURS) and column.name in row]
        if best is None or not ours or best in ours:
            continue
        own = max(ours) if column.better > 0 else min(ours)
        name = next(name for name, row in table.rows.items() if row.get(column.name) == best)
        yield f"{column.name}, {name} {format(best, column.form)} and {OURS} {format(own, column.form)}"


if __name__ == "__main__":
    raise SystemExit(main())
