"""Taking documents down: no byte of them stays in the root, all else does, and no run brings them back."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from refinery.inspect.counts import read_counts
from refinery.inspect.find import find
from refinery.inspect.verification import verify
from refinery.planner.selection import Selection
from refinery.root.takedowns import LIST, TakedownRecord, read_state
from refinery.runner.run import RunReport
from refinery.runner.takedown import takedown
from refinery.stages.export import Export
from tests.engine.looked import LINES, make, recipe
from tests.engine.roots import RootContents, all_files, pipeline, quick, steps, write_inputs
from tests.engine.test_crash import States, every_state
from tests.engine.toy import Length, LineSource


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a root as its readers see it: decompressed, Parquet as its values."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if path.suffix == ".parquet":
                data += repr(pq.read_table(path).to_pydict()).encode()
            found[str(path.relative_to(root))] = data + (gzip.decompress(data) if path.suffix == ".gz" else b"")
    return found


def rows(root: Path) -> list[tuple[str, str, str]]:
    """All rows of all stages, in their order: folder, side and row."""
    known = RootContents(root)
    sides: Sequence[Any] = ("kept", "removed")
    return [(f, side, repr(row)) for f in known.manifests for side in sides for row in known.rows(f, side)]


@pytest.fixture
def made(copy: Path, root: Path) -> Path:
    """A finished root whose inputs are those of another one, see ``again``."""
    del root
    return copy


def again(root: Path, made: Path, selection: Selection = Selection(), **settings: Any) -> RunReport:
    """Run the recipe over the inputs of ``root`` into ``made``."""
    return quick(recipe(root.parent, root=str(made), **settings), selection)


def ids_of(root: Path, text: str) -> list[str]:
    """The ids of documents whose text contains a snippet, whatever its case."""
    return [one for form in (text, text.title()) for one in find(str(root), text=form).documents]


def without(before: list[tuple[str, str, str]], ids: Sequence[str]) -> list[tuple[str, str, str]]:
    """The rows of other documents."""
    names = [f"'id': {bytes.fromhex(one)!r}" for one in ids]
    return [row for row in before if not any(name in row[2] for name in names)]


def check(root: Path, before: list[tuple[str, str, str]], ids: Sequence[str], *snippets: str) -> None:
    """Nothing of the documents is there, all other rows are, and counts reconcile."""
    assert rows(root) == without(before, ids)
    for path, data in contents(root).items():
        assert not [snippet for snippet in snippets if snippet.encode() in data.lower()], path
    assert verify(str(root)).findings == ()
    assert not (root / "tmp").exists() or not list((root / "tmp").iterdir())
    assert read_state(RootContents(root).root).pending == 0


@pytest.mark.parametrize("snippet", ["the same text", "tail off end", "poison in it"])
def test_no_byte_of_a_document_stays_and_all_else_does(root: Path, made: Path, snippet: str) -> None:
    """Kept, removed, exported, a duplicate and its survivor, and one on which a stage failed."""
    ids, before, files = ids_of(made, snippet), rows(made), contents(made)
    done = takedown(str(made), ids, reason="asked for")
    assert {one.id for one in done.documents} == set(ids)
    check(made, before, ids, snippet)
    assert verify(str(made), rerun=1.0).findings == ()
    assert {file.path for file in done.files} == set(files) - set(contents(made))
    assert again(root, made).tasks == 0
    check(made, before, ids, snippet)


def test_the_record_names_documents_and_reasons(made: Path) -> None:
    """And the rows that were taken out, by stage, without their content."""
    before = rows(made)
    ids = ids_of(made, "one two three")
    done = takedown(str(made), ["# two documents", *ids], reason="letter of 1 May")
    record = TakedownRecord.model_validate_json((made / done.record).read_bytes())
    assert (record.number, record.reason, record.entries) == (1, "letter of 1 May", tuple(ids))
    assert {(one.id, one.entry) for one in record.documents} == {(one, one) for one in ids}
    removed = len(before) - len(rows(made))
    assert sum(sum(counts.values()) for counts in record.rows.values()) == removed
    assert record.rows["03-same"] == {"kept": 1, "removed": 1}
    last = read_counts(str(made)).stages[-1]
    assert last.counts.documents["kept"] - last.taken_down == len(RootContents(made).rows("05-gather"))


def test_a_dry_run_changes_nothing(made: Path) -> None:
    """And names what would be touched; the takedown touches just that."""
    ids, files = ids_of(made, "same again"), all_files(made)
    planned = takedown(str(made), ids, dry_run=True)
    assert {path: data for path, data in all_files(made).items() if path != ".lock"} == {
        path: data for path, data in files.items() if path != ".lock"
    }
    done = takedown(str(made), ids)
    assert (planned.files, planned.documents, planned.record) == (done.files, done.documents, "")


def test_another_takedown_of_the_list_does_nothing(made: Path) -> None:
    """Not even a record; one of other documents is another takedown of the same files."""
    ids, before = ids_of(made, "same again"), rows(made)
    takedown(str(made), ids)
    files = contents(made)
    assert takedown(str(made), ids).record == ""
    assert contents(made) == files
    more = ids_of(made, "what is")
    assert takedown(str(made), more).record == "takedowns/0002.json"
    check(made, before, [*ids, *more], "same again", "what is")
    assert verify(str(made), rerun=1.0).findings == ()


# ------------------------------------------------------------------------------------------------------------ later runs


def test_a_run_from_the_source_does_not_bring_documents_back(root: Path, made: Path) -> None:
    """They are counted with an outcome of their own, by patterns of URLs as well."""
    ids = ids_of(made, "same again")
    takedown(str(made), [*ids, "file://0.txt*"])
    again(root, made, Selection(first="lines-of-text"))
    assert RootContents(made).removals("00-lines-of-text")["taken_down"] == 1 + 7
    assert not [
        path
        for path, data in contents(made).items()
        if b"same again" in data.lower() or b"four words are here" in data.lower()
    ]
    assert verify(str(made), rerun=1.0).findings == ()


@pytest.mark.parametrize(
    "settings", [{}, {"write": "last"}, {"keep_removed": "counts"}, {"keep_removed": "text", "audit": 1}]
)
def test_other_settings_of_a_recipe_are_as_if_the_documents_had_never_been(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Stages that run again read what is left: they return what they return without the lines."""
    root = make(tmp_path, **settings)
    ids = [hashlib.md5(f"{file}.txt:{line}".encode()).hexdigest() for file, line in ((0, 7), (4, 2))]
    takedown(str(root), ids)
    assert verify(str(root), rerun=1.0).findings == ()
    quick(recipe(tmp_path, min_words=3, **settings))
    assert verify(str(root), rerun=1.0).findings == ()
    for path, data in contents(root).items():
        assert b"tail off" not in data.lower() and b"a b c" not in data.lower(), path
    names = RootContents(root).texts("05-gather")
    lines = [
        ["" if (n, i) in ((0, 7), (4, 2)) else line for i, line in enumerate(some)] for n, some in enumerate(LINES)
    ]
    write_inputs(tmp_path / "other" / "in", lines)
    quick(recipe(tmp_path / "other", min_words=3, **settings))
    assert names == RootContents(tmp_path / "other" / "root").texts("05-gather")


def test_further_inputs_are_compared_with_what_is_left(tmp_path: Path) -> None:
    """Verdicts have a row a document that was mapped, and are applied to those that are left."""
    made = make(tmp_path)
    ids = ids_of(made, "end of it all")
    takedown(str(made), ids)
    write_inputs(tmp_path / "in", [*LINES, ["nothing at all", "end of it all", "new words here"]])
    quick(recipe(tmp_path))
    known = RootContents(made)
    assert verify(str(made), rerun=1.0).findings == ()
    roles = {
        row["text"]: row["same"]["role"]
        for side in ("kept", "removed")
        for row in known.rows("03-same", side)
        if row["text"]
    }
    assert roles["new words here"] == "first"
    assert "END OF IT ALL" not in known.texts("05-gather") or roles.get("end of it all") == "first"
    takedown(str(made), ids_of(made, "new words here"))
    assert verify(str(made), rerun=1.0).findings == ()


def test_outputs_of_previous_recipes_are_cleared_too(root: Path, made: Path) -> None:
    """They come back without the documents."""
    ids = ids_of(made, "tail off end")
    again(root, made, min_words=3)
    takedown(str(made), ids)
    assert not [path for path, data in contents(made).items() if b"tail off" in data.lower()]
    again(root, made)
    assert not [path for path, data in contents(made).items() if b"tail off" in data.lower()]
    assert verify(str(made), rerun=1.0).findings == ()


# ---------------------------------------------------------------------------------------------------------------- kills


def test_a_takedown_that_is_killed_is_completed(root: Path, made: Path, tmp_path: Path) -> None:
    """Wherever it was killed, by another one or by any run; then all is as if it had not been."""
    ids, before = ids_of(made, "the same text"), rows(made)
    states = States(made, tmp_path / "states")
    with every_state(states):
        takedown(str(made), ids)
    after = RootContents(made).everything()
    chosen = range(len(states.paths))
    assert len(chosen) > 20
    begun = [number for number in chosen if (states.paths[number] / LIST).exists()]
    assert 0 < begun[0] < 5
    for number in chosen[::3]:
        state = states.paths[number]
        if number in begun and number % 2:
            again(root, state)
        else:
            takedown(str(state), ids)
        check(state, before, ids, "the same text")
        assert RootContents(state).everything() == after
        assert takedown(str(state), ids).record == ""


def test_documents_of_a_shuffled_export_keep_no_text(tmp_path: Path) -> None:
    """Those that are left stay in their files and in their order, in an export of other columns as well."""
    write_inputs(tmp_path / "in", LINES)

    def run(*columns: str) -> list[list[dict[str, Any]]]:
        export = Export(columns=columns, shuffle=1, shard=60)
        given = pipeline(tmp_path, steps(LineSource(), Length(), export))
        quick(given)
        known = RootContents(given.root)
        files = [file.path for receipt in known.receipts("02-export") for file in receipt.files["kept"]]
        return [pq.read_table(Path(given.root) / path).to_pylist() for path in files]

    root = tmp_path / "root"
    before = run("id", "text")
    ids = ids_of(root, "end of it all")
    takedown(str(root), ids)
    assert not [path for path, data in contents(root).items() if b"end of it all" in data.lower()]
    assert verify(str(root), rerun=1.0).findings == ()
    left = [[row for row in rows if row["id"].hex() not in ids] for rows in before]
    assert run("id", "text") == left
    assert takedown(str(root), ids).record == ""
    assert [[row["id"] for row in rows] for rows in run("url", "id", "text")] == [
        [row["id"] for row in rows] for rows in left
    ]
    assert verify(str(root), rerun=1.0).findings == ()
