"""What a stage says of single texts: the rules they violate and the metrics behind that."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from refinery.stage.base import Edit, Edited, Filter
from refinery.stage.documents import Docs
from refinery.testing import documents


def docs(*texts: str | None) -> Docs:
    """A batch of these texts."""
    return documents(texts)


def edited(stage: Filter | Edit, batch: Docs) -> Edited:
    """What the stage makes of a batch; every metric is there and has its declared type."""
    result = stage.edit(batch) if isinstance(stage, Edit) else Edited({}, stage.measure(batch))
    assert {name: pa.array(values).type for name, values in result.metrics.items()} == {
        f.name: f.type for f in stage.metrics_type()
    }
    assert {len(values) for values in result.metrics.values()} == {len(batch)}
    return result


def metrics(stage: Filter | Edit, text: str | None) -> dict[str, Any]:
    """The metrics about one text."""
    return {name: pa.array(values)[0].as_py() for name, values in edited(stage, docs(text)).metrics.items()}


def failed(stage: Filter | Edit, *texts: str | None) -> list[list[str]]:
    """For each text the ids of the rules it violates."""
    measured = edited(stage, docs(*texts)).metrics
    verdicts = [(rule.id, rule.violated(measured[rule.metric]).to_pylist()) for rule in stage.rules()]
    return [[name for name, bad in verdicts if bad[row]] for row in range(len(texts))]


def main_texts(corpus: Path, count: int) -> list[str]:
    """The first ``count`` English main texts of the corpus that have 50 words."""
    texts = []
    with gzip.open(corpus / "pages" / "truth.jsonl.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            page = json.loads(line)
            text = "\n".join(page["gold_text"].splitlines())
            if page["lang"] == "en" and len(text.split()) >= 50:
                texts.append(text)
            if len(texts) == count:
                break
    return texts
