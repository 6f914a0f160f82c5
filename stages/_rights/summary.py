"""All that a page states, as one label, and the shares of a dataset's documents that state something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from refinery.stages._rights.cover import PAGE
from refinery.stages._rights.directives import NEGATIVE

NOTHING_STATED = "nothing"
_APART = ", "

_MEANINGS = {
    "noindex": "asks not to be in an index",
    "noarchive": "asks not to be archived",
    "nosnippet": "asks not to be quoted",
    "noai": "asks not to be used for AI",
    "noimageai": "asks that its images are not used for AI",
    "tdm": "reserves text and data mining",
    "train_ai": "forbids training in its header or robots.txt",
    "blocked": "robots.txt keeps an agent for AI from it",
    NOTHING_STATED: "states nothing",
}


def summaries(rights: pa.StructArray) -> pa.StringArray:
    """Return what each document states, by the metrics of the stage ``rights``: its licence and restrictions."""
    names = [rights.type.field(number).name for number in range(rights.type.num_fields)]
    wanted = [name for name in (*NEGATIVE, "tdm", "train_ai", "licence", "covers", "blocked") if name in names]
    columns = zip(*(rights.field(name).to_pylist() for name in wanted), strict=True)
    return pa.array([_summary(dict(zip(wanted, row, strict=True))) for row in columns], pa.string())


def _summary(row: Mapping[str, Any]) -> str:
    stated = [f"licence {row['licence']}"] if row.get("covers") == PAGE else []
    stated += [name for name in NEGATIVE if row.get(name)]
    stated += ["tdm"] if row.get("tdm") else []
    stated += ["train_ai"] if row.get("train_ai") == "no" else []
    stated += ["blocked"] if row.get("blocked") else []
    return _APART.join(stated) or NOTHING_STATED


def section(labels: Mapping[str, int]) -> str:
    """Return the section of a card with the shares, by the number of documents of each summary; "" without any."""
    documents = sum(labels.values())
    counts: Counter[str] = Counter()
    for label, count in labels.items():
        counts.update(dict.fromkeys(label.split(_APART), count))
    if not documents:
        return ""
    rows = "\n".join(
        f"| {_MEANINGS.get(name, name.replace('licence', 'is under', 1))} | {count:,} | {count / documents:.2%} |"
        for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    return (
        "\n## Rights\n\nStatements of the pages, their HTTP headers and the robots.txt of their hosts, by the stage "
        f"`rights`. A page may have several.\n\n| the page | documents | share |\n| --- | --- | --- |\n{rows}\n"
    )
