"""Partitioned outputs: a folder for each label, with the rows that one output without folders would have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import refinery
from refinery import Size
from refinery.errors import UsageError
from refinery.inspect.filters import Filters
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.sample_query import SampleQuery
from refinery.inspect.samples import sample
from refinery.inspect.verification import verify
from refinery.recipe import Pipeline
from refinery.root.parquet import publish
from refinery.root.partitions import NO_LABEL, folder_of
from refinery.root.root import Root
from refinery.runner.run import run
from refinery.stage.base import Filter
from refinery.stage.documents import Docs
from refinery.stage.rules import Metric
from refinery.stages.export import Export
from refinery.store import LocalStore
from refinery.task import partitioned
from refinery.task.partitioned import PartitionedWriter
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource

HOSTILE = ["de", "", "../..", "a/b", "x=y", "50 %", "ü\n\t", "\U0001f600" * 99, NO_LABEL, ".", "con", "DE", "'\"", "-1"]
"""Labels that a hostile page may choose."""

COLUMNS = ("id", "text", "lang", "tokens")


class Labelled(Filter):
    """The language of a text is what precedes a bar; none is identified of a text without a bar."""

    name: ClassVar = "labelled"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("label", pa.string(), "label"), Metric("length", pa.int64()))
    language_metric: ClassVar = "label"

    def measure(self, docs: Docs) -> dict[str, Sequence[Any]]:
        texts = docs.texts()
        return {
            "label": [text.partition("|")[0] if "|" in text else None for text in texts],
            "length": [len(text) for text in texts],
        }


def lines(count: int = 60) -> list[list[str]]:
    """Texts of six input files in four languages of different frequency, some without a language."""
    names = ["de", "de", "de", "fr", "fr", "sv", "zh-Hant", ""]
    texts = [f"{names[i * 7 % 8]}|text {i} {'word ' * (i % 5)}" if i % 9 else f"text {i}" for i in range(count)]
    return [texts[start::6] for start in range(6)]


def recipe(folder: Path, *, workers: int = 1, batch: int = 1000, root: str = "root", **fields: Any) -> Pipeline:
    """Texts, their labels, and an export of small files."""
    export = Export(**{"columns": COLUMNS, "shard": Size(120), **fields})
    chosen = steps(LineSource(), Labelled(), export)
    return pipeline(folder, chosen, workers=workers, batch=batch, root=root)


@pytest.fixture(autouse=True)
def written(tmp_path: Path) -> None:
    """The input files."""
    write_inputs(tmp_path / "in", lines())


def kept(root: Path) -> Path:
    """The folder of the result."""
    return root / "02-export" / "kept"


def contents(root: Path) -> dict[str, bytes]:
    """The bytes of each file of the result."""
    folder = kept(root)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


def rows(root: Path) -> list[dict[str, Any]]:
    """All rows of the result, in order of their ids."""
    found = [row for path in kept(root).rglob("*.parquet") for row in pq.ParquetFile(path).read().to_pylist()]
    return sorted(found, key=lambda row: row["id"])


def test_a_partitioned_export_has_the_rows_of_one_without_folders(tmp_path: Path) -> None:
    """Each row is in the folder of its label, and the root is whole."""
    quick(recipe(tmp_path))
    whole = rows(tmp_path / "root")
    quick(recipe(tmp_path, root="parted", partition_by="lang"))
    assert rows(tmp_path / "parted") == whole
    for path in kept(tmp_path / "parted").rglob("*.parquet"):
        labels = set(pq.ParquetFile(path).read(["lang"])["lang"].to_pylist())
        assert {folder_of("lang", label) for label in labels} == {path.parent.name}
    assert verify(str(tmp_path / "parted"), rerun=1.0).findings == ()


@pytest.mark.parametrize("label", ["lang", "labelled.label"])
def test_readers_of_hive_folders_find_label_and_rows(tmp_path: Path, label: str) -> None:
    """DuckDB, pyarrow, polars and `refinery.open` read the same rows, each with its label."""
    quick(recipe(tmp_path, partition_by=label))
    folder, name = kept(tmp_path / "root"), f"by_{label.rpartition('.')[2]}"
    expected = [(row["id"], row["lang"] or NO_LABEL) for row in rows(tmp_path / "root")]
    sql = f"select id, {name} from read_parquet('{folder}/**/*.parquet', hive_partitioning=true) order by id"
    assert duckdb.sql(sql).fetchall() == expected
    table = ds.dataset(folder, partitioning="hive").to_table().sort_by("id")
    assert list(zip(table["id"].to_pylist(), table[name].to_pylist(), strict=True)) == expected
    frame = pl.scan_parquet(folder, hive_partitioning=True).select("id", name).sort("id").collect()
    assert frame.rows() == expected
    opened = refinery.open(str(tmp_path / "root")).stage("export")
    assert sorted(opened.dataset().to_table()["id"].to_pylist()) == [one for one, _ in expected]
    assert sorted(opened.files()) == sorted(map(str, folder.rglob("*.parquet")))


def _load_dataset(folder: str) -> pa.Table:
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset("parquet", data_files=f"{folder}/*/*.parquet", cache_dir=f"{folder}/../../cache")
    table: pa.Table = loaded["train"].data.table
    return table


READERS: dict[str, Callable[[str], pa.Table]] = {
    "pyarrow": pq.read_table,
    "pyarrow.dataset": lambda folder: ds.dataset(folder).to_table(),
    "pandas": lambda folder: pa.Table.from_pandas(pd.read_parquet(folder)),
    "polars": lambda folder: pl.read_parquet(folder).to_arrow(),
    "polars, lazy": lambda folder: pl.scan_parquet(folder).collect().to_arrow(),
    "duckdb": lambda folder: duckdb.sql(f"from '{folder}/**/*.parquet'").to_arrow_table(),
    "datasets": _load_dataset,
}
"""Readers of a folder as a user calls them first: without options."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", READERS)
def test_readers_need_no_options(tmp_path: Path, reader: str) -> None:
    """All rows have their language in the column of the files, and those without one are there as well."""
    quick(recipe(tmp_path, partition_by="lang"))
    table = READERS[reader](str(kept(tmp_path / "root"))).select(["id", "text", "lang"])
    found = sorted((row["id"], row["text"], row["lang"]) for row in table.to_pylist())
    expected = [(row["id"], row["text"], row["lang"]) for row in rows(tmp_path / "root")]
    assert found == expected
    assert {lang for _, _, lang in expected} > {"de", "", None}


def test_files_do_not_depend_on_workers_or_batches(tmp_path: Path) -> None:
    """Spooling rows in pieces changes no byte and no folder."""
    quick(recipe(tmp_path, partition_by="lang"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitioned, "WAITING", 200)
        quick(recipe(tmp_path, root="small", batch=7, partition_by="lang"))
    run(recipe(tmp_path, root="many", batch=2, workers=3, partition_by="lang"))
    wanted = contents(tmp_path / "root")
    assert contents(tmp_path / "small") == wanted
    assert contents(tmp_path / "many") == wanted


def test_files_of_a_label_have_about_one_size(tmp_path: Path) -> None:
    """None exceeds the size of a shard by more than a row; each has at least half of the average."""
    write_inputs(tmp_path / "in", [[f"de|{'word ' * (i % 3)}" for i in range(300)], ["fr|little"]])
    quick(recipe(tmp_path, shard=Size(500), partition_by="lang"))
    texts = [pq.ParquetFile(path).read(["text"])["text"] for path in kept(tmp_path / "root").glob("by_lang=de/*")]
    sizes = [sum(len(text) for text in column.to_pylist()) for column in texts]
    assert len(sizes) > 5
    assert max(sizes) < 500 + 40
    assert min(sizes) > sum(sizes) / len(sizes) / 2


def test_another_setting_leaves_no_mixture(tmp_path: Path) -> None:
    """Folders appear and go with the setting; going back computes nothing, and gc deletes what is superseded."""
    root = tmp_path / "root"
    quick(recipe(tmp_path))
    plain = contents(root)
    quick(recipe(tmp_path, partition_by="lang"))
    folders = contents(root)
    assert {path.name for path in kept(root).iterdir()} == {
        f"by_lang={name}" for name in ("de", "fr", "sv", "zh-Hant", NO_LABEL)
    }
    quick(recipe(tmp_path, partition_by="lang", shard=Size(60)))
    assert set(contents(root)).isdisjoint(folders)
    assert quick(recipe(tmp_path)).tasks == 0
    assert contents(root) == plain
    assert [path for path in kept(root).iterdir() if path.is_dir()] == []
    assert verify(str(root)).ok
    assert quick(recipe(tmp_path, partition_by="lang")).tasks == 0
    assert contents(root) == folders
    assert collect_garbage(str(root), delete=True).files
    assert not list((root / "superseded").rglob("*=*/*"))
    assert contents(root) == folders
    assert verify(str(root)).ok
    assert RootContents(root).head.outputs_current


def test_a_file_that_no_run_wrote_is_reported(tmp_path: Path) -> None:
    """Globs read it, in folders too; it is never deleted."""
    quick(recipe(tmp_path, partition_by="lang"))
    stray = kept(tmp_path / "root") / "by_lang=de" / "mine.parquet"
    stray.write_bytes(b"mine")
    assert ["by_lang=de/mine.parquet" in finding.file for finding in verify(str(tmp_path / "root")).findings] == [True]
    collect_garbage(str(tmp_path / "root"), delete=True)
    assert stray.exists()


def test_a_changed_file_is_found(tmp_path: Path) -> None:
    """A file that two folders exchange has other rows than its receipt says."""
    quick(recipe(tmp_path, partition_by="lang"))
    first, second = (min(kept(tmp_path / "root").glob(f"by_lang={name}/*")) for name in ("de", "fr"))
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    assert {finding.stage for finding in verify(str(tmp_path / "root")).findings} == {"export"}


def test_an_export_without_documents_has_an_empty_file(tmp_path: Path) -> None:
    """A glob over it finds the columns."""
    write_inputs(tmp_path / "in", [["# nothing"]] * 6)
    quick(recipe(tmp_path, partition_by="lang"))
    assert [path.name for path in kept(tmp_path / "root").iterdir()] == [f"by_lang={NO_LABEL}"]
    assert duckdb.sql(f"select id, lang from '{kept(tmp_path / 'root')}/**/*.parquet'").fetchall() == []
    assert verify(str(tmp_path / "root")).ok


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("labelled.length", ""),
        ("labelled", "is no label but struct"),
        ("date", "is no label but timestamp"),
        ("labelled.tokens", "reads labelled.tokens"),
        ("language", "reads language"),
    ],
)
def test_only_labels_have_folders(tmp_path: Path, column: str, message: str) -> None:
    """Anything else is refused before the run."""
    if message:
        with pytest.raises(UsageError, match=message):
            run(recipe(tmp_path, partition_by=column))
    else:
        quick(recipe(tmp_path, partition_by=column))
        assert verify(str(tmp_path / "root")).ok


def test_too_many_folders_end_the_part_with_a_reason(tmp_path: Path) -> None:
    """A column of texts or numbers is no label."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitioned, "MOST", 3)
        report = quick(recipe(tmp_path, partition_by="text"))
    assert "text has more than 3 values" in report.failures[0]
    assert not kept(tmp_path / "root").exists()
    assert not [path for path in (tmp_path / "root" / "tmp").iterdir() if path.is_file()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=st.lists(st.none() | st.text() | st.sampled_from(HOSTILE)))
def test_any_label_names_a_folder_of_its_own(labels: list[str | None]) -> None:
    """Names are short, without slashes, and decode to the label, but for none, empty and long ones."""
    names = {label: folder_of("lang", label) for label in [*labels, *HOSTILE]}
    assert all("/" not in name and name.isascii() and name.isprintable() and len(name) < 255 for name in names.values())
    assert len(set(names.values())) == len({label or None for label in names})
    read = {unquote(name.removeprefix("by_lang=")): label for label, name in names.items() if label and "~" not in name}
    assert all(text == label for text, label in read.items())


def test_hostile_labels_are_read_as_they_are(tmp_path: Path) -> None:
    """DuckDB, pyarrow and polars decode the folders' names, and the column in the files has every label."""
    schema = pa.schema([("n", pa.int64()), ("text", pa.string()), ("label", pa.string())])
    root = Root(str(tmp_path), LocalStore())
    table = pa.table([range(len(HOSTILE)), ["x"] * len(HOSTILE), HOSTILE], schema=schema)
    writer = PartitionedWriter(root, schema, "label", write=True)
    for number, label in enumerate(HOSTILE):
        writer.add(table.slice(number, 1).to_batches()[0], folder_of("label", label))
    _, files = writer.close()
    refs = publish(root, files, "00-x/kept", 0, "0" * 32)
    folder = tmp_path / "00-x" / "kept"
    assert len({ref.path.rpartition("/")[2].lower() for ref in refs}) == len(HOSTILE)  # no two are one file anywhere
    plain = ds.dataset([str(tmp_path / ref.path) for ref in refs]).to_table().sort_by("n")
    assert plain["label"].to_pylist() == HOSTILE
    expected = [label or NO_LABEL for label in HOSTILE]
    sql = f"select n, by_label from read_parquet('{folder}/*/*.parquet', hive_types={{'by_label': varchar}}) order by n"
    for read in (
        [label for _, label in duckdb.sql(sql).fetchall()],
        ds.dataset(folder, partitioning="hive").to_table().sort_by("n")["by_label"].to_pylist(),
    ):
        hashed = [label for label, wanted in zip(read, expected, strict=True) if label != wanted]
        assert ["~" in label for label in hashed] == [True, True]  # the long one, and what has the name of no label


def test_samples_by_language_are_drawn_from_the_export(tmp_path: Path) -> None:
    """Its files have the language, and not the metrics of the stage that identified it."""
    quick(recipe(tmp_path, partition_by="lang"))
    found = sample(str(tmp_path / "root"), SampleQuery(stage="export", filters=Filters(language="sv"), count=100))
    assert found.matching == sum(row["lang"] == "sv" for row in rows(tmp_path / "root")) > 0
