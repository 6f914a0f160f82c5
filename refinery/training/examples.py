"""Labelled texts, from files and from the kept rows of a root's stage.

A file is Parquet or JSON lines (``.jsonl``, ``.json``, or with ``.gz``), with the columns ``text`` and ``label`` or
``score``, and optionally ``domain`` or ``url``, and ``language``.
"""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from refinery.errors import StorageError, UsageError
from refinery.formatting import shortened
from refinery.inspect.reader import open_root
from refinery.inspect.rows import pieces
from refinery.kernels import POSITIVE_LABELS, string_hashes
from refinery.statistics.origins import domains
from refinery.store import store_for

COLUMNS = ("text", "label", "score", "domain", "url", "language")
ROWS = 4096

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Examples:
    """Labelled texts. A text without a domain is its own; ``languages`` has "" where the language is not known."""

    texts: pa.StringArray
    positive: npt.NDArray[np.bool_]
    domains: list[str]
    languages: list[str]
    about: dict[str, Any] = field(default_factory=dict)
    """Counts of examples for the card."""

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: npt.NDArray[Any]) -> Examples:
        """Return some rows, in their order."""
        return Examples(
            self.texts.take(pa.array(rows)),
            self.positive[rows],
            [self.domains[row] for row in rows],
            [self.languages[row] for row in rows],
        )


@dataclass(frozen=True)
class Labelling:
    """The conditions of a positive example: the ``label`` of a file, or a ``score`` of at least ``least``."""

    label: str | None = None
    least: float | None = None


def read_examples(
    files: Sequence[str], positive: Sequence[str], negative: Sequence[str], labelling: Labelling
) -> Examples:
    """Return the examples of labelled files, and of sources whose examples are all positive or all negative.

    A source is a file or ``ROOT:STAGE``, the documents that a stage kept. Raises UsageError and StorageError, with the
    file and the line of the first row that is wrong.
    """
    rows: list[Row] = []
    found: list[bool] = []
    for path in files:
        labelled = list(_rows(path))
        found += _labels(path, labelled, labelling)
        rows += (row for _, row in labelled)
    for source, is_positive in [*((path, True) for path in positive), *((path, False) for path in negative)]:
        before = len(rows)
        rows += (row for _, row in (_stage_rows(source) if _is_stage(source) else _rows(source)))
        found += [is_positive] * (len(rows) - before)
    both = np.array(found, np.bool_)
    if both.all() or not both.any():
        which = "positive" if len(both) and both.all() else "negative" if len(both) else "labelled"
        raise UsageError(
            f"all {len(both)} examples are {which}" if len(both) else "there are no examples",
            hint="name labelled files, or sources with --positive and --negative",
        )
    return _examples(rows, both)


def _examples(rows: Sequence[Row], positive: npt.NDArray[np.bool_]) -> Examples:
    texts = pa.array([row["text"] for row in rows], pa.string())
    of_urls = domains(pa.array([row.get("url") or "" for row in rows], pa.string())).to_pylist()
    named = [row.get("domain") or of_url for row, of_url in zip(rows, of_urls, strict=True)]
    own = [f"text {digest:016x}" for digest in string_hashes(texts).to_pylist()]
    languages = [row.get("language") or "" for row in rows]
    about = {
        "examples": len(rows),
        "positive": int(positive.sum()),
        "with_domain": sum(map(bool, named)),
        "with_language": sum(map(bool, languages)),
    }
    return Examples(texts, positive, [name or text for name, text in zip(named, own, strict=True)], languages, about)


def _labels(path: str, rows: Sequence[tuple[int, Row]], labelling: Labelling) -> list[bool]:
    """Return which rows of a file are positive, by labels or, where there are none, by scores."""
    if any(row.get("label") is not None for _, row in rows):
        labels = [_label(path, line, row) for line, row in rows]
        wanted = labelling.label if labelling.label is not None else _positive_name(path, set(labels))
        if wanted not in labels:
            raise UsageError(f"{path}: no label is {wanted!r}", hint=f"there are {_listed(set(labels))}")
        return [label == wanted for label in labels]
    scores = [_score(path, line, row) for line, row in rows]
    if scores and labelling.least is None:
        raise UsageError(
            f"{path}: its examples have scores", hint="name the least score of a positive one: --at-least X"
        )
    return [score >= (labelling.least or 0.0) for score in scores]


def _label(path: str, line: int, row: Row) -> str:
    label = row.get("label")
    if isinstance(label, bool):
        return str(label).lower()
    if not isinstance(label, (str, int)):
        raise UsageError(
            f"{path}:{line}: label is {_value(label)}", hint="expected a string, a whole number, true or false"
        )
    return str(label)


def _score(path: str, line: int, row: Row) -> float:
    score = row.get("score")
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not np.isfinite(score):
        problem = "neither label nor score" if score is None else f"score is {_value(score)}, expected a number"
        raise UsageError(f"{path}:{line}: {problem}", hint="each example needs the field label, or score")
    return float(score)


def _positive_name(path: str, labels: set[str]) -> str:
    known = [name for name in POSITIVE_LABELS if name in labels]
    if len(known) != 1:
        raise UsageError(
            f"{path}: which label is the positive one? There are {_listed(labels)}", hint="name it: --label NAME"
        )
    return known[0]


def _listed(labels: Iterable[str]) -> str:
    names = sorted(labels)
    return ", ".join(shortened(name, 40) for name in names[:10]) + (" …" if len(names) > 10 else "")


def _value(value: Any) -> str:
    return shortened(repr(value), 40)


def _is_stage(source: str) -> bool:
    """Return True for ``ROOT:STAGE``, False for the path of a file."""
    root, colon, stage = source.rpartition(":")
    return bool(colon and root and stage) and "/" not in stage and not store_for(source).exists(source)


def _stage_rows(source: str) -> Iterator[tuple[int, Row]]:
    path, _, name = source.rpartition(":")
    reader = open_root(path)
    number = 0
    for piece in pieces(reader, reader.stage(name), ("kept",), ("text", "url", "lang")):
        batch = piece.batch
        if "text" not in batch.schema.names:
            raise UsageError(f"{source}: the root stores no texts of this stage", hint="run it with write: every")
        for row in batch.select([one for one in ("text", "url", "lang") if one in batch.schema.names]).to_pylist():
            number += 1
            yield number, {"text": row["text"] or "", "url": row.get("url"), "language": row.get("lang")}


def _rows(path: str) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a file by number, from 1, each with a text. Raises UsageError for one that is wrong."""
    name = path.removesuffix(".gz")
    if name.endswith((".jsonl", ".json", ".ndjson")):
        rows = _json_rows(path)
    elif path.endswith(".parquet"):
        rows = _parquet_rows(path)
    else:
        raise UsageError(f"{path}: neither .parquet nor .jsonl", hint="name a file, or ROOT:STAGE for rows of a root")
    for line, row in rows:
        if not isinstance(row.get("text"), str):
            raise UsageError(f"{path}:{line}: text is {_value(row.get('text'))}", hint="expected a string")
        for name in ("url", "domain", "language"):
            if not isinstance(row.get(name), (str, type(None))):
                raise UsageError(f"{path}:{line}: {name} is {_value(row[name])}", hint="expected a string")
        yield line, row


def _json_rows(path: str) -> Iterator[tuple[int, Row]]:
    with store_for(path).open(path) as stream, contextlib.ExitStack() as stack:
        lines = stack.enter_context(gzip.GzipFile(fileobj=stream)) if path.endswith(".gz") else stream
        number = 0
        try:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise UsageError(f"{path}:{number}: {_value(row)} is no JSON object", hint="expected one a line")
                yield number, row
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error))
            raise UsageError(f"{path}:{number or 1}: no JSON: {reason}", hint="expected one object a line") from error
        except (OSError, EOFError) as error:
            raise StorageError(f"{path}:{number + 1}: {error}", hint="the file is damaged") from error


def _parquet_rows(path: str) -> Iterator[tuple[int, Row]]:
    with store_for(path).open(path) as stream:
        try:
            with pq.ParquetFile(stream) as file:
                columns = [name for name in COLUMNS if name in file.schema_arrow.names]
                number = 0
                for batch in file.iter_batches(ROWS, columns=columns, use_threads=False):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row
        except (pa.ArrowException, OSError) as error:
            raise StorageError(f"{path}: {error}", hint="the file is damaged, or no Parquet file") from error
