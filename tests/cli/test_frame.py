"""The command line's frame: exit codes, how errors look, and the verbs that need no run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from refinery import cli
from refinery.cli import SECTIONS, execute, subcommands
from refinery.cli._options import Session, output_options, pass_session, root_option
from refinery.cli._output import columns
from refinery.errors import AssetError, PartFailed, RefineryError, Refused, StorageError, UsageError
from refinery.formatting import plural, size
from refinery.stage.registry import names
from tests.conftest import REPOSITORY

VERBS = [verb for section in SECTIONS.values() for verb in section]
Verb = Callable[[Callable[[], Any]], None]


def commands() -> list[tuple[str, click.Command]]:
    """Every command by its path, those below a verb too."""
    found: list[tuple[str, click.Command]] = []
    for verb in VERBS:
        command = subcommands.get_command(click.Context(subcommands), verb)
        assert command is not None
        found.append((verb, command))
        if isinstance(command, click.Group):
            found += [(f"{verb} {name}", below) for name, below in command.commands.items()]
    return found


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Verb:
    """Make ``refinery act`` do something."""

    def install(action: Callable[[], Any]) -> None:
        @click.command("act")
        @root_option
        @output_options
        @pass_session
        def command(session: Session, root: str | None) -> Any:
            """Act."""
            session.print_text(f"root {root}")
            return action()

        monkeypatch.setattr(cli, "SECTIONS", {"Test": {"act": "Act."}})
        monkeypatch.setitem(sys.modules, "refinery.cli.act", SimpleNamespace(command=command))

    return install


@pytest.fixture(autouse=True)
def _temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saved tracebacks go where pytest cleans up."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("saved")))


def raising(error: BaseException) -> Callable[[], None]:
    """A function that raises ``error``."""

    def action() -> None:
        raise error

    return action


# ------------------------------------------------------------------------------------------------- help and documentation


@pytest.mark.parametrize(("path", "command"), commands())
def test_every_command_has_help_and_is_in_the_reference(path: str, command: click.Command) -> None:
    """A line about the command, one about each option, and its section in docs/commands.md."""
    assert command.help
    assert all(p.help for p in command.params if isinstance(p, click.Option))
    assert f"### refinery {path}\n" in (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", names())
def test_every_stage_is_in_the_reference(name: str) -> None:
    """docs/stages.md has a section for it."""
    assert f"## {name}\n" in (REPOSITORY / "docs" / "stages.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("verb_name", VERBS)
def test_the_table_of_verbs_says_what_the_verbs_say(verb_name: str) -> None:
    """The short text beside a verb begins its own help, and every verb can print JSON."""
    command = subcommands.get_command(click.Context(subcommands), verb_name)
    assert command is not None
    about = next(about for section in SECTIONS.values() for known, about in section.items() if known == verb_name)
    assert (command.help or "").startswith(about)
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


def test_help_and_completion_import_no_verb_and_no_arrow() -> None:
    """That is what keeps them quick."""
    code = (
        "import sys; from refinery.cli import execute, subcommands; import click; assert execute(['--help']) == 0;"
        "assert [c.value for c in subcommands.shell_complete(click.Context(subcommands), 'st')][:1] == ['stages'];"
        "assert not {'pyarrow', 'pydantic', 'yaml', 'numpy', 'rich'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in VERBS:
        assert f"\n  {name} " in done.stdout


def test_help_is_asked_for_with_either_option(capsys: pytest.CaptureFixture[str]) -> None:
    """-h and --help, before and after the verb."""
    for arguments in (["-h"], ["--help"], ["stages", "-h"], ["assets", "get", "--help"]):
        assert execute(arguments) == 0
        assert "Usage: refinery" in capsys.readouterr().out


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names the program."""
    assert execute(["--version"]) == 0
    assert capsys.readouterr().out.startswith("refinery 0.")


# ------------------------------------------------------------------------------------------------------------ exit codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("a", hint="b"), 2),
        (StorageError("a", hint="b"), 3),
        (AssetError("a", hint="b"), 3),
        (Refused("a", hint="b"), 4),
        (PartFailed("a", hint="b"), 1),
        (RefineryError("a", hint="b"), 1),
    ],
)
def test_an_error_is_a_message_a_hint_and_its_exit_code(
    verb: Verb, capsys: pytest.CaptureFixture[str], error: RefineryError, code: int
) -> None:
    """On standard error; no traceback."""
    verb(raising(error))
    assert execute(["act", "-q"]) == code
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "error: a\nhint: b\n")


def test_a_traceback_is_shown_when_asked_for(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    """With -v."""
    verb(raising(UsageError("a")))
    assert execute(["act", "-v"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (4, 4)])
def test_a_verb_returns_its_exit_code(verb: Verb, returned: int | None, code: int) -> None:
    """None is 0."""
    verb(lambda: returned)
    assert execute(["act"]) == code


def test_the_process_ends_before_the_interpreter_is_taken_down() -> None:
    """With its code and all output, and after functions of ``atexit``: modules and their threads are not torn down."""
    code = """
import atexit, sys
class Module:
    def __del__(self): print("torn down")
kept = Module()
sys.argv = ["refinery", "stages", "nosuch"]
from refinery.__main__ import main
atexit.register(print, "before main")
try:
    main()
finally:
    atexit.register(print, "after main")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "after main\n")


def test_an_interrupt_while_it_loads_ends_quietly() -> None:
    """As soon as Enter is pressed, people see what they have typed."""
    interrupted = (
        "import sys, runpy\n"
        "class Impatient:\n"
        "    def find_spec(self, name, *others):\n"
        "        if name == 'refinery.errors':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Impatient())\n"
        "runpy.run_module('refinery', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupt_ends_with_130(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    """As the shell expects of Ctrl-C."""
    verb(raising(KeyboardInterrupt()))
    assert execute(["act"]) == 130
    assert "Traceback" not in capsys.readouterr().err


class Panic(BaseException):
    """As a native kernel raises it: no ``Exception``."""


@pytest.mark.parametrize("kind", [ZeroDivisionError, Panic])
def test_an_internal_error_is_one_line_and_a_file(
    verb: Verb, kind: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 70; the file has the traceback."""
    verb(raising(kind("by\nzero")))
    assert execute(["act", "-q"]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"internal error: {kind.__name__}: by zero; details: ")
    assert "Traceback" in Path(line.rpartition("details: ")[2]).read_text()


def test_an_internal_error_is_kept_with_the_runs_of_its_root(
    verb: Verb, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Only where the folder is a root already: a mistyped one is not made."""
    verb(raising(ZeroDivisionError("x")))
    assert execute(["act", "-q", "--root", str(tmp_path / "none")]) == 70
    assert not (tmp_path / "none").exists()
    (tmp_path / "HEAD.json").write_text("{}")
    assert execute(["act", "-q", "--root", str(tmp_path)]) == 70
    assert str(tmp_path / "runs" / "error-") in capsys.readouterr().err
    (saved,) = (tmp_path / "runs").iterdir()
    assert "ZeroDivisionError: x" in saved.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chek"], "no command 'chek'; did you mean 'check'?"),
        (["check", "--colour"], "No such option"),
        (["check", "-c"], "requires an argument"),
        (["stages", "a", "b"], "unexpected extra argument"),
        (["assets", "get"], "Missing argument 'NAME'"),
        (["run", "-c", str(REPOSITORY / "configs/tiny.yaml"), "--address", "10.0.0.5:6379"], "needs a Ray cluster"),
        (["run", "-c", "r.yaml", "--parts", "4/4"], "as in 3/100"),
    ],
)
def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """Said in the same form as any other error."""
    assert execute(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert "--help" in said


def test_no_verb_shows_the_help_and_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, as nothing was asked for."""
    assert execute([]) == 2
    assert "Usage: refinery" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["stages", "--json"]])
def test_a_closed_pipe_ends_quietly(arguments: list[str]) -> None:
    """``refinery … | head``: no traceback, no complaint."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "refinery", *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no disk that is always full")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_below_what_is_printed_is_no_defect(stream: str, tmp_path: Path) -> None:
    """``refinery … > file``: a full disk is reported in two lines, if they can still be written."""
    arguments = {"stdout": ["stages", "--json"], "stderr": ["init", str(tmp_path / "x.yaml"), "--json"]}[stream]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "refinery", *arguments],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full},
            text=True,
            check=False,
        )
    assert done.returncode == 3
    if stream == "stdout":
        assert done.stderr.splitlines()[0] == "error: cannot write the output: No space left on device"
        assert len(done.stderr.splitlines()) == 2


def test_a_root_that_this_user_may_not_read_is_a_matter_of_storage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not of usage: the file is named, with the advice to choose another, and the exit code is 3."""
    (tmp_path / "root").mkdir(mode=0)
    assert execute(["stats", "--root", str(tmp_path / "none")]) == 2  # what is imported on the way may be root's alone
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        assert execute(["stats", "--root", str(tmp_path / "root")]) == 3
    finally:
        os.seteuid(user)
    assert f"{tmp_path}/root/HEAD.json: Permission denied" in capsys.readouterr().err


def test_another_broken_pipe_is_no_quiet_end(verb: Verb, capfd: pytest.CaptureFixture[str]) -> None:
    """A worker's death must not look like ``| head``."""
    verb(raising(BrokenPipeError(32, "Broken pipe")))
    assert execute(["act", "-q"]) == 70
    assert "BrokenPipeError" in capfd.readouterr().err


def test_colours_are_for_terminals_that_want_them(verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    """--no-color and NO_COLOR."""
    verb(lambda: None)
    assert Session().color is None
    monkeypatch.setenv("NO_COLOR", "1")
    assert Session().color is False
    monkeypatch.delenv("NO_COLOR")
    session = Session()
    with subcommands.make_context("refinery", ["act", "--no-color"], obj=session) as context:
        subcommands.invoke(context)
    assert session.color is False


def test_text_for_people_goes_where_the_options_say(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output; standard error beside JSON; nowhere with -q."""
    verb(lambda: None)
    for options, out, err in (([], "root None\n", ""), (["--json"], "", "root None\n"), (["-q"], "", "")):
        assert execute(["act", *options]) == 0
        assert capsys.readouterr() == (out, err)


# ----------------------------------------------------------------------------------------------------------------- verbs

# ---------------------------------------------------------------------------------------------------------------- output


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """Without blanks at the ends of lines, and for rows of different length."""
    assert columns([("a", "bbb", "c"), ("aaa", "b", ""), ("d",)]) == "  a    bbb  c\n  aaa  b\n  d"
    assert columns([]) == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_999, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (5 * 10**12, "5.0 TB"),
        (7 * 10**15, "7,000.0 TB"),
    ],
)
def test_bytes_are_shown_in_a_unit_that_fits(count: int, text: str) -> None:
    """Powers of a thousand."""
    assert size(count) == text


def test_a_number_agrees_with_its_word() -> None:
    """One problem, two problems."""
    assert (plural(1, "problem"), plural(2, "problem"), plural(1024, "file")) == (
        "1 problem",
        "2 problems",
        "1,024 files",
    )
