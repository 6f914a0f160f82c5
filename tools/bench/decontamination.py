"""Plant copies of benchmark items in real pages, and print which of them are found, beside AI2's decon; last line JSON.

usage: python tools/bench/decontamination.py BENCHMARKS PAGES... [--decon PYTHON] [--plant NAME...] [--items 300]

BENCHMARKS is a folder of files in decon's form, all of which are looked for; items are planted of files whose names
begin with ``--plant``, so that constants chosen on some are measured on others. PAGES are JSON lines with the text in
``gold_text`` or ``text``. Each copy is in a page of its own. PYTHON is an interpreter that has decon, the package
decontaminate. Where it is given, both read the same files, decon with its defaults and on one core.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from refinery import Asset
from refinery.kernels import match_scores
from refinery.stages._decontaminate.items import Items
from refinery.stages.decontaminate import Decontaminate
from tools.bench import decon

SHORTEST, LONGEST = 800, 20_000
SPACELESS = ("zh", "ja", "th")
DOCUMENT = 2_400
"""Bytes of the document that a cost is of."""

ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


class Item(NamedTuple):
    """A group of rows with one question."""

    group: tuple[str, str, str]
    passage: str
    question: str
    answers: Sequence[str]
    right: str


class Planted(NamedTuple):
    """A page, and the kind of copy in it with its item; "" for a clean page."""

    text: str
    kind: str = ""
    group: tuple[str, str, str] = ("", "", "")


def main() -> None:
    """Plant, find, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("benchmarks", type=Path)
    parser.add_argument("pages", type=Path, nargs="+")
    parser.add_argument("--decon", default="")
    parser.add_argument("--plant", nargs="*", default=[""])
    parser.add_argument("--items", type=int, default=300, help="of each file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="clean pages with a match that are printed")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)  # noqa: S311  nothing secret
    hosts = [page for path in arguments.pages for page in pages(path)]
    files = sorted(arguments.benchmarks.glob("*.jsonl*"))
    with tempfile.TemporaryDirectory() as folder:
        made = unspaced_items(hosts, draw, Path(folder) / "unspaced.jsonl")
        files = [*files, Path(folder) / "unspaced.jsonl"]
        chosen = [path for path in files[:-1] if path.name.startswith(tuple(arguments.plant))]
        planted = [*copies(chosen, [text for lang, text in hosts if lang == "en"], arguments.items, draw)]
        for lang in SPACELESS:
            texts = [text for other, text in hosts if other == lang]
            planted += [one for item in made[lang] for one in variants(item, texts, draw, divided=list, joint="")]
        clean = [Planted(text) for _, text in hosts]
        figures = {"refinery": ours(files, [*planted, *clean], arguments.show)}
        if arguments.decon:
            figures["decon"] = theirs(arguments.decon, files, [*planted, *clean], Path(folder))
    table(figures, [*planted, *clean])


def pages(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the clean texts of a file of pages, with their languages."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            text = row.get("gold_text") or row.get("text") or ""
            if row.get("kind", "clean") == "clean" and SHORTEST <= len(text.encode()) <= LONGEST:
                yield row["lang"], text


def items(path: Path) -> list[Item]:
    """Return the items of a file, a question each."""
    groups: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            groups[row["eval_key"], row["question"], row.get("passage") or ""].append(row)
    return [_item(group, rows) for group, rows in groups.items()]


def _item(group: tuple[str, str, str], rows: Sequence[Any]) -> Item:
    answers = [row["answer"] for row in rows if row.get("answer")]
    right = next((row["answer"] for row in rows if row.get("is_correct") and row.get("answer")), (answers or [""])[0])
    return Item(group, group[2], group[1], answers, right)


def copies(paths: Sequence[Path], hosts: Sequence[str], count: int, draw: random.Random) -> Iterator[Planted]:
    """Yield pages with copies of items of each file."""
    for path in paths:
        found = items(path)
        for item in draw.sample(found, min(count, len(found))):
            yield from variants(item, hosts, draw, divided=str.split, joint=" ")


def variants(
    item: Item, hosts: Sequence[str], draw: random.Random, *, divided: Callable[[str], list[str]], joint: str
) -> Iterator[Planted]:
    """Yield pages with an item in each way that it can be copied."""
    pool = divided(draw.choice(hosts))
    whole = "\n".join(
        filter(None, [item.passage, item.question, *item.answers[: len(item.answers) > 1 and 9], item.right])
    )

    def edited(text: str, share: float) -> str:
        return joint.join(_edited(divided(text), share, pool, draw))

    def page(kind: str, *blocks: str) -> Planted:
        return Planted(_inserted(draw.choice(hosts), blocks, draw), kind, item.group)

    yield page("exact", whole)
    yield page("question", "\n".join(filter(None, [item.passage, item.question])))
    for percent in (5, 10, 20):
        yield page(f"{percent} %", edited(whole, percent / 100))
    if len(item.answers) > 1:
        options = draw.sample(item.answers, len(item.answers))
        yield page("shuffled", "\n".join(filter(None, [item.passage, item.question, *options])))
    if item.right:
        yield page("elsewhere", "\n".join(filter(None, [item.passage, item.question])), item.right)
    if item.passage and len(item.passage) > 300:
        yield page("passage", item.passage)
    if (spelled := re.sub(r"(?<![\d.,])\d{1,6}(?![\d.,]*\d)", _spelled, whole)) != whole:
        yield page("numerals", spelled)


def _edited(words: Sequence[str], share: float, pool: Sequence[str], draw: random.Random) -> Iterator[str]:
    """Yield words of which a share is substituted, deleted, or followed by another."""
    for word in words:
        edit = draw.choice("sdi") if draw.random() < share else ""
        if edit != "d":
            yield draw.choice(pool) if edit == "s" else word
        if edit == "i":
            yield draw.choice(pool)


def _inserted(host: str, blocks: Sequence[str], draw: random.Random) -> str:
    lines = host.split("\n")
    places = sorted(draw.choices(range(len(lines) + 1), k=len(blocks)))
    for place, block in [*zip(places, blocks, strict=True)][::-1]:
        lines.insert(place, block)
    return "\n".join(lines)


def _spelled(found: re.Match[str]) -> str:
    """Return a number in English words."""
    return _words(int(found[0]))


def _words(number: int) -> str:
    if number >= 1000:
        return f"{_words(number // 1000)} thousand {_words(number % 1000) if number % 1000 else ''}".strip()
    if number >= 100:
        return f"{ONES[number // 100]} hundred {'and ' + _words(number % 100) if number % 100 else ''}".strip()
    return (
        ONES[number] if number < 20 else f"{TENS[number // 10 - 2]} {ONES[number % 10] if number % 10 else ''}".strip()
    )


def unspaced_items(
    hosts: list[tuple[str, str]], draw: random.Random, path: Path, count: int = 30
) -> dict[str, list[Item]]:
    """Take pages in scripts without spaces from the hosts, and write sentences of them as a benchmark."""
    made: dict[str, list[Item]] = defaultdict(list)
    with path.open("w", encoding="utf-8") as file:
        for lang in SPACELESS:
            texts = [text for other, text in hosts if other == lang]
            key = f"unspaced_{lang}"
            for text in draw.sample(texts, min(count, len(texts) // 3)):
                hosts.remove((lang, text))
                lines = [line for line in text.split("\n") if 20 <= len(line) <= 120]
                if len(lines) > 1:
                    question, answer = draw.sample(lines, 2)
                    row = {"eval_key": key, "question": question, "answer": answer, "doc_id": len(made)}
                    file.write(json.dumps(row) + "\n")
                    made[lang].append(_item((key, question, ""), [row]))
    return made


def ours(files: Sequence[Path], planted: Sequence[Planted], show: int) -> dict[str, Any]:
    """Return the pages that the stage finds, those with the right item, and the time of a document."""
    stage = Decontaminate(benchmarks=tuple(Asset(str(path)) for path in files), action="mark")
    known, prepared = stage.prepared()
    texts = pa.array([one.text for one in planted])
    prepared.matches(texts.slice(0, 10))
    matches, seconds = prepared.matches(texts), []
    clean = pa.array([one.text for one in planted if not one.kind])
    for _ in range(3):
        start = time.process_time()
        prepared.matches(clean)
        seconds.append(time.process_time() - start)
    size = sum(len(text.as_py().encode()) for text in clean)
    scores, groups = match_scores(matches.flatten()), matches.flatten().field("group").to_numpy()
    offsets = matches.offsets.to_numpy()
    found, right, best = [], [], []
    for row, one in enumerate(planted):
        some = slice(offsets[row], offsets[row + 1])
        hits = groups[some][scores[some] > stage.max_score]
        best.append(float(scores[some].max(initial=0)))
        found.append(len(hits) > 0)
        right.append(any(_same(known, int(group), one) for group in hits))
    _show(known, planted, matches, best, show, stage.max_score)
    return {"found": found, "right": right, "best": best, "us": min(seconds) / size * DOCUMENT * 1e6}


def _same(known: Items, group: int, one: Planted) -> bool:
    texts = {known.texts[row] for row in range(*np.searchsorted(known.groups, [group, group + 1]))}
    return known.benchmarks[group] == one.group[0] and bool(texts & {*one.group[1:]} - {""})


def _show(
    known: Items, planted: Sequence[Planted], matches: pa.Array, best: Sequence[float], show: int, at: float
) -> None:
    clean = [row for row, one in enumerate(planted) if not one.kind and best[row] > at / 1.5]
    for row in sorted(clean, key=lambda row: -best[row])[:show]:
        data, some = planted[row].text.encode(), matches[row].as_py()
        group = some[0]["group"]
        first = int(np.searchsorted(known.groups, group))
        spans = [data[one["start"] : one["end"]].decode() for one in some if one["group"] == group]
        print(f"{best[row]:.3f} {known.benchmarks[group]}")
        print(f"   ITEM {known.texts[first][:300]!r}\n   PAGE {spans[0][:300]!r}")


def theirs(python: str, files: Sequence[Path], planted: Sequence[Planted], folder: Path) -> dict[str, Any]:
    """Return the pages that decon finds, its version, and the time of a document."""
    keys, version, us = decon.detected(python, files, [one.text for one in planted], folder)
    right = [one.group[0] in found for one, found in zip(planted, keys, strict=True)]
    return {"found": [bool(found) for found in keys], "right": right, "us": us * DOCUMENT, "version": version}


def table(figures: dict[str, dict[str, Any]], planted: Sequence[Planted]) -> None:
    """Print recall by benchmark and kind, clean pages that were found, and cost."""
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, one in enumerate(planted):
        rows["all" if one.kind else "", one.kind].append(number)
        if one.kind:
            rows[one.group[0], one.kind].append(number)
    print(f"{'benchmark':14} {'kind':10} {'pages':>6}" + "".join(f"{name:>12}" for name in figures))
    summary: dict[str, Any] = {}
    for (key, kind), numbers in sorted(rows.items()):
        shares = {name: sum(each["found"][n] for n in numbers) / len(numbers) for name, each in figures.items()}
        cells = "".join(f"{share:12.4f}" for share in shares.values())
        print(f"{key:14} {kind or 'clean':10} {len(numbers):6}{cells}")
        summary[f"{key} {kind or 'clean'}".strip()] = shares
    summary["us"] = {name: round(each["us"], 1) for name, each in figures.items()}
    summary["versions"] = {
        f"{name} (decontaminate)": each["version"] for name, each in figures.items() if "version" in each
    }
    print(f"{'µs a document':32}" + "".join(f"{each['us']:12.1f}" for each in figures.values()))
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
