"""Builds the wheel and tries it: a new environment of each Python, the native kernels against their twins.

usage: python tools/check_wheel.py [PYTHON …]

The wheel is to be one file for every Python from 3.11 on. The last line is JSON: its name and size in bytes, and the
versions it was tried with. Fails where the wheel has no native kernels.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from refinery.kernels import choice

TAG = "cp311-abi3"

TRIAL = """
import sys
import pyarrow as pa
from refinery import kernels
from refinery.kernels.reference import minhash, text

texts = pa.array(["the cat sat on the mat, " * 50, "", "Ünï\\n\\ncode \\U0001f600"])
assert kernels.text_statistics is not text.text_statistics
assert kernels.text_statistics(texts).equals(text.text_statistics(texts))
words = kernels.word_ids(texts)
assert words.equals(minhash.word_ids(texts))
sets = kernels.shingles(words, 5)
assert kernels.band_keys(sets, 4, 5, 1).equals(minhash.band_keys(sets, 4, 5, 1))
print(sys.version.split()[0])
"""


def main() -> None:
    """Build, install and try."""
    pythons = sys.argv[1:] or [sys.executable]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _run(
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            folder,
            str(choice.CRATE.parent),
        )
        (wheel,) = place.glob("*.whl")
        if TAG not in wheel.name:
            raise SystemExit(f"{wheel.name} is not tagged {TAG}")
        tried = [_try(python, wheel, place / f"environment-{number}") for number, python in enumerate(pythons)]
        print(json.dumps({"wheel": wheel.name, "bytes": wheel.stat().st_size, "pythons": tried}))


def _try(python: str, wheel: Path, environment: Path) -> str:
    """Install the wheel in a new environment, run the trial there, and return the version of its Python."""
    _run(python, "-m", "venv", str(environment))
    fresh = str(environment / "bin" / "python")
    _run(fresh, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", str(wheel))
    version = _run(fresh, "-I", "-c", TRIAL, cwd=environment, native=True)
    print(f"{wheel.name}: native kernels equal their twins on Python {version}")
    return version


def _run(*command: str, cwd: Path | None = None, native: bool = False) -> str:
    """Run a command to its end and return what it printed. Raises CalledProcessError where it fails."""
    environment = {choice.VARIABLE: "native"} if native else None
    done = subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
