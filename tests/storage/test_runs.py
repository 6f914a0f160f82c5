"""Runs whose inputs and roots are at s3://: the same content ids as of local ones, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import refinery
from refinery.config import Pipeline, parse
from refinery.demo import sample
from refinery.part import Root
from refinery.store import S3Store, s3
from tests.conftest import REPOSITORY
from tests.engine.roots import TEXTS, pipeline, quick, steps, write_inputs
from tests.engine.toy import Gather, Length, LineSource, Same
from tests.storage.held import contents_of

STORE = S3Store()
KINDS = steps(LineSource(), Length(), Same(), Gather())
RECIPE = (REPOSITORY / "configs" / "tiny.yaml").read_text(encoding="utf-8")


def toy(bucket: str, folder: Path, root: str) -> Pipeline:
    """A small pipeline of every kind of stage over two inputs in the bucket."""
    for path in write_inputs(folder / "in", TEXTS[::2]).iterdir():
        STORE.put(f"{bucket}/in/{path.name}", path.read_bytes())
    return pipeline(folder, KINDS).model_copy(update={"inputs": (f"{bucket}/in/*.txt",), "root": root})


@pytest.mark.slow
def test_the_whole_pipeline_from_s3_to_s3(bucket: str, tmp_path: Path) -> None:
    """Worker processes, the sample archive and the tiny recipe: wherever the root is, the content ids are the same.

    Receipts tell what was asked of the store, and are all that differs.
    """
    manifest = sample(str(tmp_path), pages=120, files=2, seed=3)
    for name in manifest["files"]:
        STORE.put(f"{bucket}/crawl/{name}", (tmp_path / name).read_bytes())
    lines = "".join(f"crawl/{name}\n" for name in manifest["files"])
    STORE.put(f"{bucket}/crawl/warc.paths", lines.encode())
    recipe = RECIPE.replace("demo/blocked_domains.txt", f"{tmp_path}/blocked_domains.txt")
    roots = (str(tmp_path / "root"), f"{bucket}/root")
    for root in roots:
        text = recipe.replace("demo/*.warc.gz", f"{bucket}/crawl/*.warc.gz").replace("demo/root", root)
        assert refinery.run(parse(text, "tiny.yaml", ["executor.workers=2"])).complete
    assert contents_of(roots[0]) == contents_of(roots[1])
    held = Root(roots[1], STORE)
    [first, *_] = held.receipts_of("00-warc")
    assert first.requests["read"] >= max(one["bytes"] for one in manifest["files"].values())
    assert refinery.run(parse(text, "tiny.yaml")).tasks == 0
    books = refinery.read_books(roots[1])
    assert books is not None


def test_local_inputs_give_the_same_ids_in_both_roots(bucket: str, tmp_path: Path) -> None:
    """A root at s3:// holds what a local one does."""
    write_inputs(tmp_path / "in")
    given = pipeline(tmp_path)
    assert quick(given).complete
    there = given.model_copy(update={"root": f"{bucket}/root"})
    assert quick(there).complete
    assert contents_of(given.root) == contents_of(there.root)
    assert quick(there).tasks == 0


def test_two_runs_on_one_root(bucket: str, tmp_path: Path) -> None:
    """The second is refused while the first is at work."""
    given = toy(bucket, tmp_path, f"{bucket}/root")
    root = Root(given.root, STORE)
    with root.store.hold(root.path), pytest.raises(refinery.Refused, match="another run is at work"):
        quick(given)
    assert quick(given).complete
    assert STORE.list(f"{bucket}/root/.lock") == []


# -------------------------------------------------------------------------------------------------- the crash matrix


class Killed(BaseException):
    """The end of the process, as the matrix knows it."""


def dying(patch: pytest.MonkeyPatch, moment: int, *, after: bool) -> Callable[[], bool]:
    """Let the process end at a change of the bucket: before it, or when it was made and nobody was told.

    From then on nothing reaches the store: a dead process cleans nothing up. What is given tells whether it died.
    """
    count, request = iter(range(10**6)), s3.request
    dead: list[bool] = []

    def call(path: str, kind: str, method: str, **given: Any) -> Any:
        if dead:
            raise Killed
        if kind in {"put", "delete"} and not path.endswith("/.lock") and next(count) == moment:
            dead.append(True)
            if after:
                request(path, kind, method, **given)
            raise Killed
        return request(path, kind, method, **given)

    patch.setattr(s3, "request", call)
    return lambda: bool(dead)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run is another process: it does not know the lease of this one, and finds it dead."""
    monkeypatch.setattr("refinery.store.lease._alive", lambda holder: False)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.usefixtures("forgetful")
def test_a_kill_at_every_change_of_the_bucket(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    """From each state that a kill can leave, the next run ends with the content ids of an undisturbed one."""
    given = toy(bucket, tmp_path, str(tmp_path / "root"))
    assert quick(given).complete
    expected = contents_of(given.root)
    moment, step = int(after), 3
    while True:
        there = given.model_copy(update={"root": f"{bucket}/{moment}"})
        with monkeypatch.context() as patch:
            died = dying(patch, moment, after=after)
            try:
                quick(there)
            except Killed:
                assert died()
        assert quick(there).complete
        assert contents_of(there.root) == expected
        assert quick(there).tasks == 0
        if not died():
            break
        moment += step
    assert moment > 40
