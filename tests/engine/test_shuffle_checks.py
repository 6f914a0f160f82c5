"""Verifying shuffled exports without a rerun: documents are compared with the sorted runs, and these with the input."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from refinery.inspect.contents import added, id_sum
from refinery.inspect.verification import verify
from refinery.planner import tiers
from refinery.root.partitions import Contents
from tests.engine.roots import quick
from tests.engine.test_ordered import EXPORT, recipe

ids = st.lists(st.integers(0, 3).map(lambda n: n.to_bytes(16, "big")), max_size=6)


def of(some: Sequence[bytes]) -> list[pa.Array]:
    """Ids in two arrays."""
    return [pa.array(some[:2], pa.binary(16)), pa.array(some[2:], pa.binary(16))]


@settings(max_examples=200)
@given(ids, ids, st.integers(0, 6))
def test_sums_are_equal_where_ids_are(left: list[bytes], right: list[bytes], cut: int) -> None:
    """In any order and pieces, with repeats; some rows can be left out."""
    assert (id_sum(of(left)) == id_sum(of(right))) == (sorted(left) == sorted(right))
    assert added([id_sum(of(left[:cut])), id_sum(of(left[cut:]))]) == id_sum(of(left))
    assert id_sum(of(left), range(min(cut, len(left)))) == id_sum(of(left[cut:]))


def tampered(root: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the first file with rows of a name in the export's receipts, and the receipt with it."""
    for path in sorted((root / EXPORT / "receipts").iterdir()):
        receipt = json.loads(path.read_text())
        for file in receipt["files"].get(name, ()):
            full = root / file["path"]
            with pq.ParquetFile(full) as opened:
                rows = opened.read()
            changed = change(rows).combine_chunks()
            pq.write_table(changed, full)
            content = Contents(changed.schema)
            for batch in changed.to_batches():
                content.update(batch, "")
            file["bytes"] = full.stat().st_size
            receipt["contents"][name] = content.id()
            path.write_text(json.dumps(receipt))
            return


def doubled(rows: pa.Table) -> pa.Table:
    """The second document in place of the first one."""
    return pa.concat_tables([rows.slice(1, 1), rows.slice(1)])


@pytest.mark.parametrize(
    ("name", "many", "message"),
    [
        ("kept", 2000, "its files have other documents than the sorted runs"),
        ("kept", 4, "its files have other documents than the sorted runs"),
        ("keys", 2000, "the sorted runs have other documents than words kept"),
    ],
)
def test_other_documents_are_found(
    tmp_path: Path, name: str, many: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the receipt of the file has them: the number of documents is the same."""
    monkeypatch.setattr(tiers, "FAN_IN", many)  # of 5 runs
    quick(recipe(tmp_path))
    assert verify(str(tmp_path / "root")).findings == ()
    tampered(tmp_path / "root", name, doubled)
    assert any(message in one.message for one in verify(str(tmp_path / "root")).findings)
