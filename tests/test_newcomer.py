"""A newcomer types what the pages print, in order, in a fresh clone, and nothing of it fails."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sysconfig
import venv
from functools import partial
from pathlib import Path

import pytest

from refinery.kernels import HAS_EXTRACTOR
from tests.conftest import REPOSITORY
from tests.printed import PAGES, blocks, read
from tools.s3server import free_ports

EXCUSES = {
    "needs Slurm": 2,
    "needs a Ray cluster": 2,
    "needs a root with the stage": 1,
    "needs archives of robots.txt files": 1,
    "needs labelled pages in many languages": 1,
    "needs labelled texts": 3,
    "needs pages with gold texts": 3,
    "needs texts in many languages": 1,
}
"""Why a block cannot be run here, and how many there are of each: whoever adds one has to say so here."""

SNIPPETS = ("pandas", "polars", "datasets")
"""What the Python on the pages imports beside refinery and its extras."""

PROGRAM = """#!{python}
from refinery.__main__ import main

if __name__ == "__main__":
    main()
"""

PRELUDE = r"""
set -e -o pipefail
trap 'echo "failed: $PAGE:$LINENO: $BASH_COMMAND"' ERR
make() {  # CI runs the other targets; here they are asked what they would do
  if [ "$1" = run ]; then command make "$@"; else command make --dry-run "$@" >/dev/null; fi
}
refinery() {
  case " $* " in
  *" --serve "*)
    command refinery "$@" --port "$PORT" &
    until python -c "import urllib.request as web; web.urlopen('http://127.0.0.1:$PORT/')" 2>/dev/null; do
      kill -0 $! || return
    done
    kill $!
    wait $! || true
    ;;
  *) command refinery "$@" ;;
  esac
}
sql() { python -c 'import duckdb, sys; print(duckdb.sql(sys.stdin.read()))'; }
if [ "$PAGE" != README.md ]; then source .venv/bin/activate; fi
source "$SCRIPT"
"""
"""README.md says how to activate the environment; what other pages print is typed after that."""


def script(page: str, folder: Path) -> str:
    """The commands of a page as a shell script in which every line has the number that it has on the page."""
    typed = [""] * (len(read(page)) + 1)
    for block in blocks(page):
        if block.excuse:
            continue
        first = block.line - 1
        if block.language in ("python", "sql"):
            file = folder / f"{page.replace('/', '-')}-{block.line}.py"
            end = "END_OF_BLOCK"
            python = f"cat > '{file}' <<'{end}' && python '{file}'"
            typed[first] = python if block.language == "python" else f"sql <<'{end}'"
            typed[first + len(block.lines) + 1] = end
        if block.language in ("sh", "python", "sql"):
            typed[first + 1 : first + 1 + len(block.lines)] = block.lines
    return "\n".join(typed)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the checkout, changes that are not committed included, whose .venv has what is installed here."""
    if not (REPOSITORY / ".git").exists() or not shutil.which("make"):
        pytest.skip("needs a git checkout and make")
    folder = tmp_path_factory.mktemp("newcomer") / "refinery"
    settings = folder.with_name("gitconfig")
    settings.write_text("[safe]\n\tdirectory = *\n", encoding="utf-8")
    git = partial(subprocess.run, env=os.environ | {"GIT_CONFIG_GLOBAL": str(settings)}, check=True)
    git(["git", "clone", "--quiet", REPOSITORY, folder])
    changes = git(["git", "diff", "--binary", "HEAD"], cwd=REPOSITORY, capture_output=True)
    if changes.stdout:
        git(["git", "apply", "--whitespace=nowarn"], cwd=folder, input=changes.stdout)
    for extension in REPOSITORY.glob("refinery/kernels/_native*.so"):
        shutil.copy(extension, folder / "refinery" / "kernels")
    install(folder)
    return folder


def install(folder: Path) -> None:
    """What ``make install`` leaves, in a second and without a download."""
    environment = folder / ".venv"
    venv.EnvBuilder(symlinks=True).create(environment)
    (packages,) = environment.glob("lib/python3*/site-packages")
    # The clone stands before the installed packages, and so before this checkout.
    (packages / "clone.pth").write_text(f"{folder}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    program = environment / "bin" / "refinery"
    program.write_text(PROGRAM.format(python=environment / "bin" / "python"), encoding="utf-8")
    program.chmod(0o755)
    (environment / ".installed").touch()


def typed(page: str, clone: Path) -> subprocess.CompletedProcess[str]:
    """Type a page in the clone, beside which is the home; errors are in the output, which ends with what failed."""
    folder = clone.parent
    (folder / "page.sh").write_text(script(page, folder), encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "PAGE": page,
        "SCRIPT": str(folder / "page.sh"),
        "PORT": str(free_ports(1)[0]),
    }
    return subprocess.run(
        ["bash", "-c", PRELUDE],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def readme(clone: Path) -> subprocess.CompletedProcess[str]:
    """README.md typed in the clone."""
    return typed("README.md", clone)


@pytest.mark.slow
def test_every_command_of_the_readme_works(readme: subprocess.CompletedProcess[str]) -> None:
    """What README shows of the output is what comes out."""
    assert readme.returncode == 0, readme.stdout[-3000:]
    if HAS_EXTRACTOR:  # other engines find other texts
        shown = [line for block in blocks("README.md") if block.language == "text" for line in block.lines]
        printed = {line.strip() for line in readme.stdout.splitlines()}
        assert {line.strip() for line in shown} - {"…"} <= printed


@pytest.mark.slow
def test_every_command_and_snippet_of_other_pages_works(clone: Path, readme: subprocess.CompletedProcess[str]) -> None:
    """Each page after README, in the same clone."""
    assert readme.returncode == 0, f"README.md: exit code {readme.returncode}\n{readme.stdout[-3000:]}"
    missing = [name for name in SNIPPETS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: make install")
    done = {page: typed(page, clone) for page in PAGES if page != "README.md"}
    failed = {page: one for page, one in done.items() if one.returncode}
    assert [f"{page}: exit code {one.returncode}\n{one.stdout[-3000:]}" for page, one in failed.items()] == []


def test_what_is_not_run_has_an_excuse() -> None:
    """They are few, and each has one of the known reasons."""
    excused = [block.excuse for page in PAGES for block in blocks(page) if block.excuse]
    assert {excuse: excused.count(excuse) for excuse in excused} == EXCUSES


def test_every_block_says_what_it_is() -> None:
    """So that none is passed over because nobody knew how to run it."""
    known = {"sh", "python", "sql", "yaml", "text"}
    assert [(one.page, one.line) for page in PAGES for one in blocks(page) if one.language not in known] == []
