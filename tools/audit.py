"""Whether what refinery depends on may be used and fits together; with --online, what is known to be wrong with it.

usage: python tools/audit.py [--online]

Each distribution that an installation brings, the dashboard's included, must have a licence without conditions on those
who use it, and be of a version that everyone who asks for it allows: that is read from what is installed. Known
vulnerabilities are looked up by pip-audit, which needs the network, and must be installed; without, that is said.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

OPEN = re.compile(r"\b(Apache|MIT|0?BSD|MPL|Mozilla|PSF|Python|CNRI|ISC|Zlib|CC0|Unlicense)\b", re.IGNORECASE)
COPYLEFT = re.compile(r"GPL|GNU", re.IGNORECASE)
DISTRIBUTION = "crawl-refinery"
EXTRAS = ("dashboard", "index", "ray", "s3", "spacy", "train")


def main() -> int:
    """Print what is wrong; whether something is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--online", action="store_true", help="look up known vulnerabilities as well")
    online = parser.parse_args().online
    needed = dict(requirements(DISTRIBUTION, EXTRAS))
    wrong = [problem for name, asked in needed.items() for problem in problems(name, asked)]
    print("\n".join([*wrong, f"{len(needed)} distributions, {len(wrong)} problems of licence or version"]))
    return bool(wrong) or (online and vulnerable(sorted(needed)))


def requirements(name: str, extras: tuple[str, ...]) -> Iterator[tuple[str, list[Requirement]]]:
    """Every distribution that one needs, itself left out, and what is asked of it by whom it serves."""
    asked: dict[str, list[Requirement]] = {}
    waiting, seen = [(name, extras)], set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        for requirement in _direct(*one):
            asked.setdefault(_normal(requirement.name), []).append(requirement)
            waiting.append((_normal(requirement.name), tuple(sorted(requirement.extras))))
    yield from sorted(asked.items())


def _direct(name: str, extras: tuple[str, ...]) -> Iterator[Requirement]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return  # whoever requires it reports that it is missing
    for requirement in map(Requirement, lines):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": one}) for one in (*extras, "")):
            yield requirement


def problems(name: str, asked: list[Requirement]) -> Iterator[str]:
    """What is wrong with a distribution."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        yield f"{name} is not installed"
        return
    for requirement in asked:
        if not requirement.specifier.contains(found.version, prereleases=True):
            yield f"{name} {found.version} is installed, {requirement} is asked for"
    if not permissive(licence(found)):
        yield f"{name} {found.version} has the licence {licence(found)[:80]!r}"


def licence(found: metadata.Distribution) -> str:
    """What a distribution says of its licence."""
    reported: Any = found.metadata
    classified = [line.rpartition("::")[2] for line in reported.get_all("Classifier") or () if "License ::" in line]
    return reported.get("License-Expression") or " OR ".join(classified) or reported.get("License") or ""


def permissive(text: str) -> bool:
    """Whether one of the licences that may be chosen lets anyone use the code in any program."""
    choices = re.split(r"\bOR\b", text)
    return any(all(OPEN.search(part) and not COPYLEFT.search(part) for part in one.split(" AND ")) for one in choices)


def vulnerable(names: list[str]) -> bool:
    """Whether a vulnerability of one of the distributions is known; False, and said, where nobody can be asked."""
    if importlib.util.find_spec("pip_audit") is None:
        print("vulnerabilities are not looked up: pip-audit is not installed")
        return False
    pinned = "\n".join(f"{name}=={metadata.version(name)}" for name in names)
    command = (
        sys.executable,
        "-m",
        "pip_audit",
        "--no-deps",
        "--disable-pip",
        "--progress-spinner=off",
        "-r",
        "/dev/stdin",
    )
    found = subprocess.run(command, input=pinned, text=True, capture_output=True, check=False)
    reported = found.stdout.strip() or found.stderr.strip().rpartition("\n")[2]
    if found.returncode and not found.stdout.strip():
        print(f"vulnerabilities are not looked up: {reported}")
        return False
    print(reported)
    return found.returncode != 0


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
