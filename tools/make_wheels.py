"""Builds what is published: the sdist, and from it a wheel for each machine, for Python 3.11 on and glibc 2.17 on.

usage: python tools/make_wheels.py [--out dist] [x86_64] [aarch64]

Without a machine, each whose standard library ``rustc`` has. cargo-zigbuild compiles and links for another machine and
an older C library than this one's; it needs ``pip install --group wheels``. Prints a line of JSON for each file.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

GLIBC = "2.17"
"""The oldest C library on which the wheels run: that of Rust itself, and of manylinux2014."""

MACHINES = ("x86_64", "aarch64")

REPOSITORY = Path(__file__).resolve().parent.parent
TARGET_DIR = REPOSITORY / "build" / "wheels"  # not that of other builds, which would wait for each other


def main() -> None:
    """Build the sdist and the wheels."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist")
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help=" or ".join(MACHINES))
    given = parser.parse_args()
    if unknown := sorted({*given.machines} - {*MACHINES}):
        parser.error(f"unknown machine {unknown[0]}")
    made = sdist(given.out)
    _report(made)
    for machine in given.machines or MACHINES:
        if not (given.machines or has_library(machine)):
            print(json.dumps({"skipped": machine, "reason": "rustc has no standard library for it"}), flush=True)
            continue
        _report(wheel(made, machine, given.out))


def sdist(out: Path) -> Path:
    """Build the sdist into ``out`` and return its path."""
    with tempfile.TemporaryDirectory() as folder:
        _run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, str(REPOSITORY))
        return _moved(Path(folder), out, "*.tar.gz")


def wheel(source: Path, machine: str, out: Path) -> Path:
    """Build the wheel of an sdist for a machine, check its C library, and return its path."""
    variables = {
        "CARGO": "cargo-zigbuild",
        "CARGO_BUILD_TARGET": f"{machine}-unknown-linux-gnu.{GLIBC}",
        "CARGO_TARGET_DIR": str(TARGET_DIR),
        "_PYTHON_HOST_PLATFORM": f"linux-{machine}",
        # The build has an environment of its own, without this one's packages.
        "CARGO_ZIGBUILD_ZIG_PATH": str(_zig()),
    }
    with tempfile.TemporaryDirectory() as folder:
        plain, tagged = Path(folder, "plain"), Path(folder, "tagged")
        command = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(plain), str(source))
        _run(sys.executable, *command, variables=variables)
        (built,) = plain.glob("*.whl")
        _run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", str(tagged), str(built))
        (made,) = tagged.glob("*.whl")
        if f"manylinux_{GLIBC.replace('.', '_')}_{machine}" not in made.name:
            raise SystemExit(f"{made.name} needs a newer C library than {GLIBC}")
        return _moved(tagged, out, "*.whl")


def has_library(machine: str) -> bool:
    """Return whether ``rustc`` can compile for a machine."""
    rustc = os.environ.get("RUSTC", "rustc")
    command = (rustc, "--print", "target-libdir", "--target", f"{machine}-unknown-linux-gnu")
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip()).is_dir()


def _zig() -> Path:
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise SystemExit("ziglang is not installed: pip install --group wheels")
    return Path(spec.origin).with_name("zig")


def _moved(folder: Path, out: Path, pattern: str) -> Path:
    (made,) = folder.glob(pattern)
    out.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(made, out / made.name))


def _report(made: Path) -> None:
    print(json.dumps({"file": str(made), "bytes": made.stat().st_size}), flush=True)


def _run(*command: str, variables: dict[str, str] | None = None) -> None:
    beside = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))  # programs of this environment
    subprocess.run(command, env=os.environ | {"PATH": beside} | (variables or {}), check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
