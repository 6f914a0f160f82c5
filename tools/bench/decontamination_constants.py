"""Choose the weight from which an item counts in full on two benchmarks, and print recall on the third; last line JSON.

usage: python -m tools.bench.decontamination_constants BENCHMARKS PAGES... [--items 60] [--clean 10000] [--seed 1]

The reference kernel finds the parts of items in the pages of ``tools.bench.decontamination``; from these the scores for
each weight are computed, with the share of what was found in it and without.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from refinery import Asset
from refinery.kernels.reference.benchmarks import ANSWER, ONE, Benchmarks, Found, Role, combined
from refinery.stages._decontaminate.items import load
from refinery.stages._languages import common_words
from tools.bench.decontamination import Planted, copies, pages

WEIGHTS = (2, 3, 4, 5, 6, 8)
THRESHOLD = 0.5

Part = tuple[int, int]


class Group(NamedTuple):
    """What a page has of a group: the weight that was found and all of it, by combination of parts."""

    benchmark: str
    combinations: dict[tuple[int, ...], Part]


class Parts(Benchmarks):
    """Finds what a page has of each group, whatever its score."""

    found: list[tuple[int, dict[tuple[int, ...], Part]]]

    def _group(self, words: Sequence[str], roles: Sequence[tuple[Role, int]], pieces: Sequence[Found]) -> None:
        some = combined(self.parts(words, roles, pieces))
        self.found.append((roles[0][0].group, {chosen: (matched, total) for chosen, matched, total in some}))

    def groups(self, text: str, names: Sequence[str]) -> list[Group]:
        """Return what a text has of groups."""
        self.found = []
        for _ in self._matches(text):
            pass
        return [Group(names[group], combinations) for group, combinations in self.found]


def score(group: Group, *, weight: int, share: bool) -> float:
    """Return the score of a group if so many words count in full: of what was found, or of that times its share."""
    best = 0.0
    for chosen, (matched, total) in group.combinations.items():
        part = matched / max(total, 1)
        needed = weight * ONE * (2 if chosen == (ANSWER,) else 1)
        best = max(best, part * min(1, matched * (part if share else 1) / needed))
    return best


def main() -> None:
    """Plant, find, choose, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("benchmarks", type=Path)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--items", type=int, default=60, help="of each file")
    parser.add_argument("--clean", type=int, default=10_000, help="most clean pages")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)  # noqa: S311  nothing secret
    hosts = [page for path in arguments.pages for page in pages(path)]
    files = sorted(arguments.benchmarks.glob("*.jsonl*"))
    planted = [*copies(files, [text for lang, text in hosts if lang == "en"], arguments.items, draw)]
    clean = [Planted(text) for _, text in draw.sample(hosts, min(arguments.clean, len(hosts)))]
    find = finder(files)
    found = [(one, find(one.text)) for one in [*planted, *clean]]
    figures = {}
    for share in (False, True):
        tables = {weight: table(found, partial(score, weight=weight, share=share)) for weight in WEIGHTS}
        figures["share" if share else "weight"] = {"all": tables, "third": [*left_out(tables)]}
        for weight, columns in tables.items():
            print(f"{weight} {'of weight times share' if share else 'of weight':22} {columns}")
    print(json.dumps(figures))


def finder(files: Sequence[Path]) -> Callable[[str], list[Group]]:
    """Return what finds the items of files in a text."""
    names = {role: (role,) for role in ("question", "passage", "answer")}
    items = load(tuple(Asset(str(path)) for path in files), tuple(map(str, files)), **names)
    common = [word for words in common_words().values() for word in words]
    kinds, groups = np.array(items.kinds, np.uint8), np.array(items.groups, np.uint32)
    parts = Parts(pa.array(items.texts, pa.string()), kinds, groups, common)
    return lambda text: parts.groups(text, items.benchmarks)


def table(
    found: Iterable[tuple[Planted, list[Group]]], scored: Callable[[Group], float]
) -> dict[str, tuple[float, int]]:
    """Return of each benchmark the share of copies that is found, and the clean pages that match."""
    copies_, hits, clean = Counter[str](), Counter[str](), Counter[str]()
    for page, groups in found:
        matched = {group.benchmark for group in groups if scored(group) > THRESHOLD}
        if page.kind:
            copies_[page.group[0]] += 1
            hits[page.group[0]] += bool(matched)
        else:
            clean.update(matched)
    return {key: (round(hits[key] / count, 4), clean[key]) for key, count in sorted(copies_.items())}


def left_out(tables: dict[int, dict[str, tuple[float, int]]]) -> Iterable[dict[str, object]]:
    """Yield the weight with most recall and no clean page of all benchmarks but one, and the figures of that one."""
    for third in next(iter(tables.values())):
        others = {w: [value for key, value in each.items() if key != third] for w, each in tables.items()}
        clean = [weight for weight, values in others.items() if not any(count for _, count in values)]
        chosen = max(
            clean, key=lambda weight: (sum(recall for recall, _ in others[weight]), weight), default=max(WEIGHTS)
        )
        yield {"third": third, "weight": chosen, "recall": tables[chosen][third][0], "clean": tables[chosen][third][1]}


if __name__ == "__main__":
    main()
