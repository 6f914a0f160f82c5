"""Runs AI2's decon, the package decontaminate, with its defaults on one core, in an interpreter that has it."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path

DETECT = """
import sys
from importlib import metadata
import decon

training, evals, reports = sys.argv[1:]
decon.detect(decon.Config(training, evals, reports, worker_threads=1))
print("version", metadata.version("decontaminate"))
"""
"""Program of that interpreter."""


def detected(
    python: str, files: Sequence[Path], texts: Sequence[str], folder: Path
) -> tuple[list[set[str]], str, float]:
    """Return of each text the benchmarks that decon finds in it; the version, and µs of CPU a byte.

    The time is that beyond a run with one text, so that it is without that of the index.
    """
    evals = folder / "evals"
    evals.mkdir()
    for path in files:
        (evals / path.name).write_bytes(path.read_bytes())
    _, index_seconds = _detect(python, texts[:1], evals, folder / "one")
    version, seconds = _detect(python, texts, evals, folder / "all")
    keys: list[set[str]] = [set() for _ in texts]
    for path in (folder / "all" / "reports").rglob("*.jsonl"):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            keys[row["training_line"]].add(row["eval_key"])
    return keys, version, (seconds - index_seconds) / sum(len(text.encode()) for text in texts) * 1e6


def _detect(python: str, texts: Sequence[str], evals: Path, folder: Path) -> tuple[str, float]:
    """Have decon read texts and write reports. Return its version and the CPU seconds that it took."""
    (folder / "training").mkdir(parents=True)
    with (folder / "training" / "pages.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    run = [python, "-c", DETECT, *map(str, (folder / "training", evals, folder / "reports"))]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return printed.rpartition("version ")[2].strip(), seconds
