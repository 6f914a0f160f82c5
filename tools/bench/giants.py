"""What giants cost: pages and texts of many megabytes, made to be awkward, through every row stage of a recipe.

usage: python tools/bench/giants.py [--size 15000000] [--engine native|trafilatura] [--only WORD …]

Each case has a process of its own, which is the worker: time is the processor's for each megabyte, children included,
and memory is the peak of all that it does, what it loads included. Pages go from an archive to the end of the row
stages; texts are given to each stage that measures texts, whatever the others would say of them. What takes more than
2 s a megabyte or 1 GB is marked. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import refinery
from refinery.executors import Done, Late, never_late
from refinery.stage.registry import stage_class
from refinery.testing import documents
from tools.hostile import ALPHABET, CASES, PROSE, Case, flood, noise

MOST_SECONDS, MOST_BYTES = 2.0, 1e9
RECIPE = """
dataset: giants
inputs: "{folder}/*.warc"
root: "{folder}/root"
pipeline:
  - warc: {{}}
  - url: {{}}
  - extract: {{engine: {engine}}}
  - language: {{}}
  - repetition: {{}}
  - quality: {{}}
  - lines: {{}}
"""
STAGES = ("language", "repetition", "quality", "lines")


def paragraphs(size: int) -> bytes:
    """Prose in which no sentence is there twice."""
    chance = random.Random(size)  # noqa: S311
    words = [
        "the",
        "of",
        "and",
        "that",
        "have",
        "with",
        *("".join(chance.choices(ALPHABET, k=5)) for _ in range(9_000)),
    ]
    lines = ("<p>" + " ".join(chance.choices(words, k=60)).capitalize() + "." for _ in range(max(1, size // 350)))
    return f"<html><title>x</title><body><p>{PROSE}{''.join(lines)}".encode()


PAGES: dict[str, Case] = {
    **{
        name: CASES[name]
        for name in (
            *("prose", "nested div with text", "nested b i a crossed", "nested tables", "attributes", "soup"),
            *("lines of a letter", "paragraphs of a letter", "table cells", "links", "preformatted lines", "one text"),
            *("one text without a space", "references that grow", "combining marks", "zero-width between", "han"),
            *("scripts", "state of texts", "structured data of texts", "random bytes", "broken utf-8", "utf-16"),
        )
    },
    "paragraphs of words": paragraphs,
    "pictures": flood(b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    "programs": flood(b"\x7fELF\x02\x01\x01" + bytes(64) + b"printf"),
    "letters and bytes": noise(0, 200),
    "too large": lambda size: paragraphs(7 * size),
}
TEXTS: dict[str, Case] = {
    "prose": flood(PROSE),
    "a million lines": flood("x\n"),
    "one word": flood("a"),
    "no letters": flood("!"),
    "spaces": flood(" "),
    "line ends": flood("\n"),
    "half spaces": flood(" \t\u00a0\u3000"),
    "addresses": flood("http://"),
    "almost addresses": flood("www.(.[{"),
    "brackets": flood("([{<"),
    "counters": flood("1,000,000 likes "),
    "almost counters": flood("1,000,000,"),
    "phrases": flood("share this\n"),
    "almost phrases": flood("shareshare thi"),
    "bullets": flood("• - * "),
    "ellipses": flood("...…\n"),
    "a repeated word": flood("word "),
    "a repeated line": flood(f"{PROSE}\n"),
    "letters that nest": flood("aab"),
    "combining marks": flood("e\u0301\u0327\u0323"),
    "marks alone": flood("\u0301"),
    "capitals that grow": flood("ßŉΐİ"),
    "emoji": flood("\U0001f468\u200d\U0001f469\u200d\U0001f467"),
    "han": flood("漢字"),
    "thai": flood("ภาษาไทย"),
    "unassigned": flood("\u0378\U000e0fff\ufdd0"),
    "controls": flood("\x00\x01\x1b\x85\u2028"),
    "any characters": lambda size: random.Random(size).randbytes(size).decode("utf-16", "ignore").encode(),  # noqa: S311
}


class Cost(NamedTuple):
    """What a case takes, and what became of it."""

    kind: str
    name: str
    megabytes: float
    seconds: float
    peak: int
    outcome: str

    @property
    def over(self) -> bool:
        """Whether it takes too much."""
        return self.seconds > MOST_SECONDS * max(1.0, self.megabytes) or self.peak > MOST_BYTES


class Here:
    """An executor whose only worker is this process."""

    width, room = 1, 1 << 62

    def map(self, function: Any, tasks: Iterable[Any], memory: int = 0, late: Late[Any] = never_late) -> Iterator[Any]:
        """See ``Executor.map``; what a task raises ends the run."""
        del memory, late
        for task in tasks:
            yield Done(task, function(task, unmarked))

    def close(self) -> None:
        """Nothing is left to end."""


def unmarked(step: str, first: int, count: int) -> None:
    """Nobody watches over this process."""


def main() -> int:
    """Print a row for each case; whether all kept to the thresholds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--size", type=int, default=15_000_000, help="bytes of a page or text")
    parser.add_argument("--engine", choices=["native", "trafilatura", "resiliparse"], default="native")
    parser.add_argument("--only", nargs="*", default=[""], help="cases whose name has one of these words")
    given = parser.parse_args()
    cases = [(given.engine, name) for name in PAGES] + [(stage, name) for name in TEXTS for stage in STAGES]
    chosen = [case for case in cases if any(word in " ".join(case) for word in given.only)]
    context = multiprocessing.get_context("spawn")
    found = []
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        for cost in pool.map(case_cost, *zip(*chosen, strict=True), [given.size] * len(chosen)):
            each = cost.seconds / max(1.0, cost.megabytes)
            row = f"{cost.kind:12} {cost.name:26} {cost.megabytes:6.1f} MB {each:6.2f} s/MB {cost.peak / 1e6:6.0f} MB"
            print(f"{row}  {cost.outcome}{'  OVER' * cost.over}", flush=True)
            found.append(cost)
    print(json.dumps({"size": given.size, "cases": [cost._asdict() for cost in found]}))
    return any(cost.over for cost in found)


def case_cost(kind: str, name: str, size: int) -> Cost:
    """What a case takes: ``kind`` is an engine, or a stage for texts."""
    data = (TEXTS if kind in STAGES else PAGES)[name](size)
    began = _seconds()
    outcome = _text_outcome(kind, data) if kind in STAGES else _page_outcome(kind, data)
    peak = max(_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
    return Cost(kind, name, len(data) / 1e6, _seconds() - began, peak, outcome)


def _begin() -> None:
    """Let the peak of memory begin anew: what made the case is not its cost."""
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")


def _peak() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def _seconds() -> float:
    found = os.times()
    return found.user + found.system + found.children_user + found.children_system


def _page_outcome(engine: str, page: bytes) -> str:
    """Where a page ended: the stage and the reason, or that it was kept."""
    with tempfile.TemporaryDirectory() as folder:
        http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
        names = f"WARC-Type: response\r\nWARC-Target-URI: http://a.org/\r\nContent-Length: {len(http) + len(page)}"
        record = f"WARC/1.0\r\n{names}\r\n\r\n".encode()
        Path(folder, "giant.warc").write_bytes(record + http + page + b"\r\n\r\n")
        _begin()
        recipe = Path(folder, "r.yaml")
        recipe.write_text(RECIPE.format(folder=folder, engine=engine))
        assert refinery.run(refinery.load(str(recipe)), executor=Here()).complete
        for stage in refinery.read_counts(str(Path(folder, "root"))).stages:
            if stage.counts.reasons:
                return f"{stage.name}: {', '.join(map(str, stage.counts.reasons))}"
    return "kept"


def _text_outcome(stage: str, text: bytes) -> str:
    """Whether a stage measured a text; what it raises ends the case."""
    docs = documents([text.decode("utf-8", "replace")])
    _begin()
    made = stage_class(stage)()
    if isinstance(made, refinery.Filter):
        made.measure(docs)
    elif isinstance(made, refinery.Edit):
        made.edit(docs)
    return "measured"


if __name__ == "__main__":
    sys.exit(main())
