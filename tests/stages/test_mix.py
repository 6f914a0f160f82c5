"""Mixtures of exported roots: weights to one document, no validation document in training, one order for all."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from refinery import Asset, Size, UsageError
from refinery.cli._outcome import outcome, outcome_text
from refinery.inspect.edits import edited
from refinery.inspect.summaries import summary
from refinery.inspect.verification import verify
from refinery.planner.estimator import plan
from refinery.recipe import Pipeline
from refinery.runner.run import run
from refinery.stage.base import Edit, Edited
from refinery.stage.documents import Docs
from refinery.stages._mixture_sources import repetitions
from refinery.stages.export import Export
from refinery.stages.mix import Mix
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.test_ordered import Texts
from tests.engine.test_ordered_formats import dataset

COLUMNS = ("id", "url", "text", "tokens")


class Sized(Edit):
    """Sizes of clusters, as ``minhash`` has them: of one digit of a hash."""

    name: ClassVar = "sized"
    version: ClassVar = 1
    adds: ClassVar = (pa.field("size", pa.uint32()),)

    def edit(self, docs: Docs) -> Edited:
        return Edited({"size": [1 + hashlib.md5(text.encode()).digest()[0] % 5 for text in docs.texts()]})


def source(folder: Path, name: str, count: int, **export: Any) -> str:
    """The root of a dataset of ``count`` texts."""
    lines = [f"{name} {n} " + "word " * (n * 7 % 13) for n in range(count)]
    write_inputs(folder / f"in-{name}", [lines[start::2] for start in range(2)])
    chosen = steps(Texts(), Sized(), Export(**{"columns": (*COLUMNS, "size"), "shard": Size(3000), **export}))
    given = pipeline(folder, chosen, root=name, inputs=(str(folder / f"in-{name}" / "*.txt"),))
    report = quick(given.model_copy(update={"dataset": name}))
    assert report.complete, report
    return str(folder / name)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Three datasets."""
    folder = tmp_path_factory.mktemp("sources")
    validation: dict[str, Any] = {"shuffle": 5, "validation": 0.3}
    return source(folder, "web", 150, **validation), source(folder, "code", 60), source(folder, "wiki", 40)


def mixture(folder: Path, roots: tuple[str, ...], export: dict[str, Any] | None = None, **mix: Any) -> Pipeline:
    """A mixture of roots into a shuffled export of small files."""
    settings = {name: mix.pop(name) for name in ("root", "workers") if name in mix}
    columns = (*COLUMNS, "source", "copy")
    fields = {"columns": columns, "shard": Size(1500), "shuffle": 1, "validation": 0.35, "layout": "huggingface"}
    chosen = steps(Mix(**mix), Export(**fields | (export or {})))
    return pipeline(folder, chosen, inputs=roots, **settings)


def rows(root: Path, split: str = "", folder: str = "01-export") -> list[list[dict[str, Any]]]:
    """The documents of each file, of a split or all."""
    import pyarrow.parquet as pq

    files = sorted((root / folder / "kept").rglob(f"*{split}*/*.parquet" if split else "*.parquet"))
    return [pq.read_table(path, partitioning=None).to_pylist() for path in files]


WEIGHTS = {"weights": {"web": 60, "code": 40}, "epochs": {"wiki": 2.5}, "tokens": 1500}


def test_weights_are_exact_to_one_document_in_all_and_in_each_shard(tmp_path: Path, roots: tuple[str, ...]) -> None:
    """Each source has its tokens, and each shard as many documents of it as any other, give or take one."""
    quick(mixture(tmp_path, roots, **WEIGHTS))
    training = rows(tmp_path / "root", "train")
    found = Counter[str]()
    for row in (row for shard in training for row in shard):
        found[row["source"]] += row["tokens"]
    draws = json.loads((tmp_path / "root" / "dataset" / "manifest.json").read_bytes())["mixture"]
    longest = max(row["tokens"] for shard in training for row in shard)
    for name, draw in draws.items():
        assert found[name] == draw["tokens"]
        assert abs(found[name] - draw["target"]) <= longest
    assert abs(sum(found.values()) - 1500) <= 3 * longest
    assert abs(found["web"] * 40 - found["code"] * 60) <= 60 * longest
    assert draws["wiki"]["target"] == round(2.5 * draws["wiki"]["of_tokens"])
    assert len(training) > 3
    shares = [Counter(row["source"] for row in shard) for shard in training]
    for name in draws:
        counts = [share[name] for share in shares]
        assert max(counts) - min(counts) <= 1
    card = (tmp_path / "root" / "dataset" / "README.md").read_text()
    assert f"| {draws['wiki']['tokens']:,} | 2.5" in card
    assert edited(mixture(tmp_path, roots, **WEIGHTS)) == ()


def test_no_validation_document_is_in_training(tmp_path: Path, roots: tuple[str, ...]) -> None:
    """Neither one of the mixture nor one of a source; copies are in training alone."""
    quick(mixture(tmp_path, roots, epochs={"web": 1, "code": 2, "wiki": 3.5}))
    train, apart = ([row for shard in rows(tmp_path / "root", split) for row in shard] for split in ("train", "valid"))
    assert apart
    assert not {row["id"] for row in train} & {row["id"] for row in apart}
    sites = [{row["url"].split("/")[2] for row in some} for some in (train, apart)]
    assert not sites[0] & sites[1]
    before = {row["id"] for shard in rows(Path(roots[0]), "valid", "02-export") for row in shard}
    assert before
    assert before <= {row["id"] for row in apart}
    assert {row["copy"] for row in apart} == {0}
    assert Counter(row["id"] for row in train if row["source"] == "code").most_common()[-1][1] == 2


def test_all_weights_and_no_target_is_the_largest_mixture_without_repetition(
    tmp_path: Path, roots: tuple[str, ...]
) -> None:
    quick(mixture(tmp_path, roots[:2], weights={"web": 1, "code": 1}))
    every = [row for shard in rows(tmp_path / "root", "train") for row in shard]
    assert len(every) == len({row["id"] for row in every})
    tokens = Counter[str]()
    for row in every:
        tokens[row["source"]] += row["tokens"]
    assert abs(tokens["web"] - tokens["code"]) <= 20


def test_documents_are_repeated_by_the_size_of_their_cluster(tmp_path: Path, roots: tuple[str, ...]) -> None:
    """As FineWeb-2 repeats them."""
    assert repetitions(np.array([0, 1, 2, 3, 4, 5, 99, 100, 999, 1000])).tolist() == [1, 1, 2, 3, 3, 5, 5, 8, 8, 1]
    quick(mixture(tmp_path, roots[1:2], epochs={"code": 1}, rehydrate=("code",), export={"validation": 0.0}))
    found = Counter(row["text"] for shard in rows(tmp_path / "root") for row in shard)
    sizes = {text: 1 + hashlib.md5(text.encode()).digest()[0] % 5 for text in found}
    assert found == {text: int(repetitions(np.array([size]))[0]) for text, size in sizes.items()}
    assert len(found) == 60


def test_a_mixture_is_verified_and_resumed(tmp_path: Path, roots: tuple[str, ...]) -> None:
    """Every part can be computed again; lost files come back with the same bytes."""
    given = mixture(tmp_path, roots, **WEIGHTS)
    quick(given)
    before = dataset(tmp_path / "root")
    assert verify(str(tmp_path / "root"), rerun=1.0).findings == ()
    for path in sorted((tmp_path / "root" / "01-export" / "receipts").iterdir())[::2]:
        path.unlink()
    assert quick(given).complete
    assert dataset(tmp_path / "root") == before


def test_plan_and_the_summary_of_a_run_have_the_table(tmp_path: Path, roots: tuple[str, ...]) -> None:
    """It is that of the card: before a run, and after it."""
    given = mixture(tmp_path, roots, **WEIGHTS)
    planned = plan(given).inputs_table
    text = outcome_text(outcome(quick(given), str(tmp_path / "root")), "")
    found = summary(str(tmp_path / "root"))
    assert found is not None
    assert found.inputs_table == planned
    assert [row[0] for row in planned] == ["source", "code", "web", "wiki"]
    card = (tmp_path / "root" / "dataset" / "README.md").read_text()
    for row in planned:
        assert f"| {' | '.join(row)} |" in card
        assert list(row) in [re.split(r"  +", line.strip()) for line in text.splitlines()]


@pytest.fixture(scope="module")
def tokenised(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Datasets of ids alone: two of one tokenizer, and one of another."""
    pytest.importorskip("tokenizers")
    from tests.stages.formats.vocabularies import bytes_bpe

    folder = tmp_path_factory.mktemp("tokenised")
    same, other = (bytes_bpe(folder / f"{end}.json", f"<|{end}|>") for end in ("end", "stop"))
    kinds = {"left": (same, 60), "right": (same, 50), "other": (other, 40)}
    return tuple(
        source(folder, name, count, columns=("id", "url", "text"), tokenizer=Asset(path), end_of_text=end_of(path))
        for name, (path, count) in kinds.items()
    )


def end_of(path: str) -> str:
    """The end of text of a tokenizer of this module."""
    return f"<|{Path(path).stem}|>"


IDS: dict[str, Any] = {"columns": ("id", "input_ids", "source"), "validation": 0.0}


def test_ids_of_one_tokenizer_are_mixed(tmp_path: Path, tokenised: tuple[str, ...]) -> None:
    """Documents keep their ids, with the end of text; tokens are their number."""
    quick(mixture(tmp_path, tokenised[:2], IDS, epochs={"left": 1, "right": 2}))
    before = {row["id"]: row["input_ids"] for one in tokenised[:2] for row in every(Path(one), "02-export")}
    after = every(tmp_path / "root", "01-export")
    assert all(row["input_ids"] == before[row["id"]] for row in after)
    assert Counter(row["source"] for row in after) == {"left": 60, "right": 100}
    draws = json.loads((tmp_path / "root" / "dataset" / "manifest.json").read_bytes())["mixture"]
    assert sum(len(row["input_ids"]) for row in after) == sum(draw["tokens"] for draw in draws.values())


@pytest.mark.parametrize("with_text", [False, True])
def test_ids_of_two_tokenizers_are_refused(
    tmp_path: Path, tokenised: tuple[str, ...], roots: tuple[str, ...], *, with_text: bool
) -> None:
    """So are ids beside text. The message names the tokenizer of each."""
    two, name = ((tokenised[0], roots[1]), "code") if with_text else (tokenised[1:], "other")
    other = "text" if with_text else r"tokenizer [0-9a-f]{8} with end of text <\|stop\|>"
    message = rf"different tokenizers \(\w+: tokenizer [0-9a-f]{{8}} with end of text <\|end\|>, {name}: {other}\)"
    with pytest.raises(UsageError, match=message):
        quick(mixture(tmp_path, two, IDS, epochs={"left" if with_text else "right": 1, name: 1}))


def every(root: Path, folder: str) -> list[dict[str, Any]]:
    """The documents of all files."""
    return [row for shard in rows(root, folder=folder) for row in shard]


@pytest.mark.slow
def test_workers_have_no_effect_on_a_mixture_of_ids(tmp_path: Path, tokenised: tuple[str, ...]) -> None:
    given: dict[str, Any] = {"epochs": {"left": 1.5, "right": 2}}
    quick(mixture(tmp_path, tokenised[:2], IDS, **given))
    run(mixture(tmp_path, tokenised[:2], IDS, root="other", workers=3, **given))
    assert dataset(tmp_path / "other") == dataset(tmp_path / "root")


@pytest.mark.slow
def test_workers_have_no_effect_on_a_mixture(tmp_path: Path, roots: tuple[str, ...]) -> None:
    quick(mixture(tmp_path, roots, **WEIGHTS))
    run(mixture(tmp_path, roots, root="other", workers=3, **WEIGHTS))
    assert dataset(tmp_path / "other") == dataset(tmp_path / "root")


@pytest.mark.parametrize(
    ("mix", "export", "message"),
    [
        ({"epochs": {"web": 1}}, {"validation": 0.2}, "has documents for validation, which would be in training"),
        ({"epochs": {"web": 1}}, {"validation_by": "id"}, "has documents for validation"),
        ({"epochs": {"code": 1}}, {}, "code, web is not among them, or not named"),
        ({"epochs": {"web": 9}, "weights": {}, "rehydrate": ("web",), "tokens": 0}, {"shuffle": None}, "needs shuffle"),
        ({"targets": {"web": 10**7}, "weights": {}, "tokens": 5}, {"columns": ("id", "nothing")}, "no column nothing"),
    ],
)
def test_mixtures_that_cannot_be_are_refused(
    tmp_path: Path, roots: tuple[str, ...], mix: dict[str, Any], export: dict[str, Any], message: str
) -> None:
    with pytest.raises((UsageError, ValueError), match=message):
        quick(mixture(tmp_path, roots[:1], export, **mix))
