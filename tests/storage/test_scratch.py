"""Temporary files of a remote root: those of the living stay, those of the dead go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from refinery.store import S3Store
from tests.conftest import REPOSITORY

SCRIPT = """
import sys
from refinery.store import scratch
path = scratch.new_path()
open(path, "w").close()
print(path, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("killed", [True, False])
def test_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, killed: bool) -> None:
    """A process removes its own at its end; after a kill, the next run does, and no sooner."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        assert path.is_relative_to(tmp_path)
        S3Store().clean("s3://b/root")
        assert path.exists()
        if killed:
            process.kill()
        process.communicate("\n" if not killed else None)
    assert path.exists() == killed
    S3Store().clean("s3://b/root")
    assert not path.parent.exists()
    assert not list(path.parent.parent.iterdir())
