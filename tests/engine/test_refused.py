"""What a run refuses: changed code, roots of others, and a second run at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refinery.errors import Refused, StorageError, UsageError
from refinery.identity import FORMAT, code_digest
from refinery.planner import compatibility
from refinery.planner.selection import Selection
from refinery.root import root as records
from refinery.root.root import Root
from refinery.store import LocalStore
from refinery.task import commit
from tests.engine.roots import Log, all_files, pipeline, quick
from tests.engine.toy import Length


def change_code(patch: pytest.MonkeyPatch, name: str = "words", text: str = "changed") -> None:
    """Let the code digest of a stage be another one."""
    before = code_digest
    for module in (compatibility, commit):
        patch.setattr(module, "code_digest", lambda stage: text if stage.name == name else before(stage))


def test_changed_code_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other code under the same version stops the run with exit code 4, naming stage and file; nothing is touched."""
    quick(pipeline(folder))
    before = all_files(folder / "root")
    change_code(monkeypatch)
    with pytest.raises(Refused, match=r"words \(.*toy\.py:\d+\)") as caught:
        quick(pipeline(folder))
    assert caught.value.exit_code == 4
    assert "--accept-code" in caught.value.hint
    assert all_files(folder / "root") == before


def test_changed_code_can_be_accepted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepted once, it is the code of the results: nothing is made, and the next run is not refused."""
    quick(pipeline(folder))
    change_code(monkeypatch)
    assert quick(pipeline(folder), accept_code=True).tasks == 0
    assert quick(pipeline(folder)).tasks == 0
    change_code(monkeypatch, text="changed again")
    with pytest.raises(Refused):
        quick(pipeline(folder))


def test_a_new_version_makes_the_stage_again(folder: Path, monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    """Changed code with a new version is what a version is for."""
    quick(pipeline(folder, log.kinds()))
    log.batches()
    change_code(monkeypatch)
    monkeypatch.setattr(Length, "version", 2)
    assert quick(pipeline(folder, log.kinds())).complete
    assert log.batches()


def test_code_without_results_may_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that was not reached yet, or that failed on every part, is free to change."""
    quick(pipeline(folder), Selection(until="lines-of-text"))
    change_code(monkeypatch, text="first try")
    given = pipeline(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Length, "rules", lambda self: 1 / 0)
        assert len(quick(given).failures) == 3
    change_code(monkeypatch, text="second try")
    assert quick(pipeline(folder)).complete
    change_code(monkeypatch, text="third try")
    with pytest.raises(Refused):
        quick(pipeline(folder))


def test_a_killed_run_is_guarded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results that a killed run left, of a new version too, are not mixed with those of other code."""
    quick(pipeline(folder))
    monkeypatch.setattr(Length, "version", 2)
    change_code(monkeypatch, text="second")
    commit = Root.commit

    def once(self: Root, *arguments: Any) -> None:
        commit(self, *arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Root, "commit", once)
        with pytest.raises(KeyboardInterrupt):
            quick(pipeline(folder))
    change_code(monkeypatch, text="third")
    with pytest.raises(Refused):
        quick(pipeline(folder))


def test_the_root_of_another_dataset_is_refused(folder: Path) -> None:
    """A root says whose it is."""
    quick(pipeline(folder))
    with pytest.raises(Refused, match="belongs to dataset 'toy', the recipe has 'other'") as caught:
        quick(pipeline(folder, dataset="other"))
    assert caught.value.exit_code == 4


def test_a_root_of_another_format_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A root that another version laid out differently is not touched."""
    quick(pipeline(folder))
    monkeypatch.setattr(records, "FORMAT", FORMAT + 1)
    with pytest.raises(Refused, match=f"has format {FORMAT}; this version reads and writes format {FORMAT + 1}"):
        quick(pipeline(folder))


def test_a_second_run_at_once_is_refused(folder: Path) -> None:
    """One run at a time holds a root; when it is over, another may."""
    with LocalStore().lock(str(folder / "root")):
        with pytest.raises(Refused, match="another run is at work") as caught:
            quick(pipeline(folder))
        assert caught.value.exit_code == 4
    assert quick(pipeline(folder)).complete


def test_a_root_that_is_a_file(folder: Path) -> None:
    """A file is no root, and a folder below a file cannot be."""
    (folder / "root").write_text("")
    with pytest.raises(UsageError, match="root is a file"):
        quick(pipeline(folder))
    with pytest.raises(StorageError, match="Not a directory"):
        quick(pipeline(folder, root="root/below"))


@pytest.mark.parametrize("damage", ["", "{", '{"format": 1}'])
def test_a_damaged_head_is_named(folder: Path, damage: str) -> None:
    """A head that cannot be read is an error that names it, not a new root."""
    quick(pipeline(folder))
    (folder / "root" / "HEAD.json").write_text(damage)
    with pytest.raises(StorageError, match=r"HEAD\.json: not a head"):
        quick(pipeline(folder))
