"""Runs whose inputs and roots are at s3://: the same content ids as of local ones, whatever happens on the way."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import refinery
from refinery.demo import sample
from refinery.executors.local import LocalExecutor
from refinery.inspect.reader import open_root
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline, parse
from refinery.root.root import Root
from refinery.store import S3Store, s3, s3_requests, taken
from tests.conftest import REPOSITORY
from tests.engine.roots import TEXTS, pipeline, quick, slow_kinds, steps, write_inputs
from tests.engine.test_stragglers import no_patience
from tests.engine.toy import Gather, Hung, Length, LineSource, Same
from tests.storage.held import contents_of
from tools.s3server import BUCKET, S3Server

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
    read = sum(receipt.requests["read"] for receipt in held.receipts_of("00-warc"))
    assert read >= sum(one["bytes"] for one in manifest["files"].values())
    assert refinery.run(parse(text, "tiny.yaml")).tasks == 0
    books = refinery.read_counts(roots[1])
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


def test_receipts_of_a_remote_root_are_fetched_once(bucket: str, tmp_path: Path) -> None:
    """A run that has nothing to do asks for each once; a damaged one is reported when it is needed."""
    given = toy(bucket, tmp_path, f"{bucket}/root")
    assert quick(given).complete
    taken()
    assert quick(given).tasks == 0
    receipts = STORE.list(f"{bucket}/root/*/receipts/*.json")
    assert taken()["get"] < len(receipts) + 20
    STORE.put(f"{bucket}/root/00-lines-of-text/receipts/0123.json", b"{}")
    assert quick(given).tasks == 0
    STORE.put(receipts[0], b"{}")
    with pytest.raises(refinery.StorageError, match="not a receipt of this version"):
        quick(given)


def test_a_lost_object_is_made_again(bucket: str, tmp_path: Path) -> None:
    """An object that a receipt names and that is gone, or has another size, is reported and made as it was."""
    given = toy(bucket, tmp_path, f"{bucket}/root")
    assert quick(given).complete
    held = contents_of(given.root)
    taken()
    assert quick(given).tasks == 0
    objects = len(STORE.list(given.root))
    assert taken()["list"] + taken().get("head", 0) < objects  # folders of many are listed, a page a request
    first, second = STORE.list(f"{given.root}/*/kept/*.parquet")[::4][:2]
    STORE.delete(first)
    STORE.put(second, b"short")
    assert {f"{given.root}/{path}" for path in quick(given).missing_files} == {first, second}
    assert contents_of(given.root) == held
    assert quick(given).tasks == 0


@pytest.mark.slow
def test_the_dashboard_searches_a_remote_root(bucket: str, tmp_path: Path) -> None:
    """The same documents as in a local one, by address and by text."""
    search = pytest.importorskip("refinery.report.search").search
    given = toy(bucket, tmp_path, f"{bucket}/root")
    here = given.model_copy(update={"root": str(tmp_path / "root")})
    assert quick(given).complete
    assert quick(here).complete
    for words, text in (("0.txt", False), ("same", True), ("nowhere", True)):
        found = [search(open_root(root.root), words, text=text) for root in (given, here)]
        assert found[0] == found[1]
        assert bool(found[0]) == (words != "nowhere")


def test_two_runs_on_one_root(bucket: str, tmp_path: Path) -> None:
    """The second is refused while the first is at work."""
    given = toy(bucket, tmp_path, f"{bucket}/root")
    root = Root(given.root, STORE)
    with root.store.lock(root.path), pytest.raises(refinery.Refused, match="another run is at work"):
        quick(given)
    assert quick(given).complete
    assert STORE.list(f"{bucket}/root/.lock") == []


# -------------------------------------------------------------------------------------------------- the crash matrix


class Killed(BaseException):
    """The end of the process, as the matrix knows it."""


def dying(patch: pytest.MonkeyPatch, moment: int) -> Callable[[], bool]:
    """Let the process end before a change of the bucket: the same state as after the one before it, without a response.

    From then on nothing reaches the store: a dead process cleans nothing up. What is given tells whether it died.
    """
    count, request = iter(range(10**6)), s3_requests.request
    dead: list[bool] = []

    def call(path: str, kind: str, method: str, **given: Any) -> Any:
        if dead:
            raise Killed
        if kind in {"put", "delete"} and not path.endswith("/.lock") and next(count) == moment:
            dead.append(True)
            raise Killed
        return request(path, kind, method, **given)

    for module in (s3, s3_requests):
        patch.setattr(module, "request", call)
    return lambda: bool(dead)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run is another process: it does not know the lease of this one, and finds it dead."""
    monkeypatch.setattr("refinery.store.lease._process_runs", lambda holder: False)


@pytest.mark.slow
@pytest.mark.usefixtures("forgetful")
def test_a_kill_at_changes_of_the_bucket(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From each state that a kill can leave, the next run ends with the content ids of an undisturbed one."""
    given = toy(bucket, tmp_path, str(tmp_path / "root"))
    assert quick(given).complete
    expected = contents_of(given.root)
    moment = 0
    for gap in itertools.cycle((2, 3)):
        there = given.model_copy(update={"root": f"{bucket}/{moment}"})
        with monkeypatch.context() as patch:
            died = dying(patch, moment)
            try:
                quick(there)
            except Killed:
                assert died()
        assert quick(there).complete
        assert contents_of(there.root) == expected
        assert quick(there).tasks == 0
        if not died():
            break
        moment += gap
    assert moment > 40


# ----------------------------------------------------------------------------------------------- servers and drivers


def wait_for(there: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_a_server_that_is_killed_and_started_again(bucket: str, tmp_path: Path, server: S3Server) -> None:
    """Worker processes and their driver wait for it; the run ends as an undisturbed one."""
    write_inputs(tmp_path / "in", [[f"line {n} of file {f % 2}" for n in range(5)] for f in range(3)])
    for path in (tmp_path / "in").iterdir():
        STORE.put(f"{bucket}/in/{path.name}", path.read_bytes())
    given = pipeline(tmp_path, slow_kinds(), workers=2, batch=1)
    given = given.model_copy(update={"inputs": (f"{bucket}/in/*.txt",), "root": f"{bucket}/root"})

    def disturb() -> None:
        client = server.client()
        prefix = f"{bucket.rpartition('/')[2]}/root/00-lines-of-text/receipts/"
        wait_for(lambda: client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents"))
        server.kill()
        time.sleep(2)
        server.start()

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    report = refinery.run(given)
    disturbing.join()
    assert report.complete
    calm = given.model_copy(update={"root": str(tmp_path / "root")})
    assert refinery.run(calm).complete
    assert contents_of(given.root) == contents_of(calm.root)


@pytest.mark.slow
def test_a_worker_that_stops_loses_no_receipt(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker does its task, in a new root and where receipts are withdrawn first: all is as if none stopped."""
    no_patience(monkeypatch, 2)
    once = tmp_path / "once"
    write_inputs(tmp_path / "in", [["a first line", "another one"], ["it hung here", "a last line"], ["a last line"]])
    given = pipeline(tmp_path, steps(LineSource(), Hung(once=str(once)), Same(), Gather()))
    there = given.model_copy(update={"root": f"{bucket}/root"})
    for force in (False, True):
        once.unlink(missing_ok=True)
        assert refinery.run(there, Selection(force=force), executor=LocalExecutor(2, 2**40)).complete
        assert once.exists()
        assert quick(given).complete
        assert contents_of(there.root) == contents_of(given.root)
        assert quick(there).tasks == 0
        [*_, record] = [STORE.read(path) for path in STORE.list(f"{there.root}/runs/[0-9]*.json")]
        assert "part 1: has taken" in record.decode()


SCRIPT = """
import sys
from pathlib import Path
from refinery.errors import Refused
from refinery.runner.run import run
from tests.engine.roots import pipeline, slow_kinds

if __name__ == "__main__":
    given = pipeline(Path(sys.argv[1]), slow_kinds(), batch=1)
    try:
        run(given.model_copy(update={"inputs": (sys.argv[2] + "/in/*.txt",), "root": sys.argv[2] + "/root"}))
    except Refused as error:
        sys.exit(f"refused: {error.message}")
"""


def driver(folder: Path, bucket: str) -> subprocess.Popen[bytes]:
    """A run of its own, in another process."""
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(folder / "script.py"), str(folder), bucket]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_drivers_that_come_together_and_one_that_is_killed(bucket: str, tmp_path: Path) -> None:
    """Of two at once, one works and one is refused; a killed one is followed at once; the result is right."""
    write_inputs(tmp_path / "in", [[f"line {n} of file {f % 2}" for n in range(5)] for f in range(3)])
    for path in (tmp_path / "in").iterdir():
        STORE.put(f"{bucket}/in/{path.name}", path.read_bytes())
    killed = driver(tmp_path, bucket)
    wait_for(lambda: STORE.list(f"{bucket}/root/00-lines-of-text/receipts/*.json"))
    killed.kill()
    killed.communicate()
    both = [driver(tmp_path, bucket) for _ in range(2)]
    said = [one.communicate(timeout=120)[1].decode() for one in both]
    assert sorted(bool(one.returncode) for one in both) in ([False, True], [False, False])
    assert all(not text or "refused: another run is at work" in text for text in said)
    given = pipeline(tmp_path, slow_kinds()).model_copy(update={"inputs": (f"{bucket}/in/*.txt",)})
    assert quick(given).complete
    assert contents_of(f"{bucket}/root") == contents_of(given.root)


def refine(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """The command line: its exit code, and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "refinery", *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_the_command_line(bucket: str, tmp_path: Path) -> None:
    """Endpoint and region by recipe; every verb that looks, looks at s3://; a wrong secret is one line and exit 3."""
    sample(str(tmp_path), pages=120, files=1, seed=3)
    STORE.put(f"{bucket}/crawl/a.warc.gz", (tmp_path / "sample-00000.warc.gz").read_bytes())
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        f"dataset: d\ninputs: {bucket}/crawl/*.warc.gz\nroot: {bucket}/root\nmax_broken_inputs: 100%\n"
        f"pipeline: [warc: {{}}]\nexecutor: {{workers: 1}}\n"
        f"storage: {{endpoint: '{os.environ['AWS_ENDPOINT_URL_S3']}', region: us-east-1}}\n"
    )
    by_recipe = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    assert refine("run", "-c", str(recipe), **by_recipe)[0] == 0
    code, out, _ = refine("stats", "--root", f"{bucket}/root", "--json")
    assert code == 0
    assert json.loads(out)
    assert refine("verify", "--root", f"{bucket}/root", "--rerun-sample", "100%")[0] == 0
    for verb in ("run", "plan", "check"):
        code, _, errors = refine(verb, "-c", str(recipe), AWS_SECRET_ACCESS_KEY="wrong")
        assert code == 3
        assert "SignatureDoesNotMatch" in errors or "403" in errors
        assert len([line for line in errors.splitlines() if line.startswith("error:")]) <= 1
        assert "Traceback" not in errors
