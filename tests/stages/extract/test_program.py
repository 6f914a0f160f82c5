"""A program of the user that extracts pages, with one that misbehaves on command."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from refinery.errors import PartFailed
from refinery.stages._extract.program import SentPage, UserProgram

ACTOR = """
import json, os, signal, sys, time

def answer(page, **found):
    print(json.dumps({"id": page["id"], **found}), flush=True)

batch = []
for line in sys.stdin:
    page = json.loads(line)
    verb, _, rest = page["html"].partition(" ")
    if verb == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if verb == "exit":
        sys.exit(3)
    if verb == "once" and not os.path.exists(rest):
        open(rest, "w").close()
        sys.exit(1)
    if verb == "hang":
        time.sleep(60)
    if verb == "swallow":
        continue
    if verb == "garbage":
        print("Loading model: 100 %", flush=True)
    if verb == "stranger":
        print(json.dumps({"id": -1, "text": "x"}), flush=True)
    if verb == "list":
        print(json.dumps([page["id"], "x"]), flush=True)
    if verb == "deep":
        print("[" * 100_000, flush=True)
    if verb == "endless":
        while True:
            sys.stdout.write("x" * 100_000)
    if verb == "error":
        answer(page, error="no model")
    elif verb == "null":
        answer(page, text=None)
    elif verb == "surrogate":
        answer(page, text="a\\ud800b")
    elif verb == "twice":
        answer(page, text="TWICE")
        answer(page, text="AGAIN")
    elif verb == "batch":
        batch.append(page)
        if len(batch) == int(rest.split()[0]):
            for waiting in reversed(batch):
                answer(waiting, text=waiting["html"].upper())
            batch = []
    else:
        answer(page, text=page["html"].upper(), url=page["url"])
"""


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, ...]:
    """The command of the actor."""
    (tmp_path / "actor.py").write_text(ACTOR, encoding="utf-8")
    return sys.executable, str(tmp_path / "actor.py")


@pytest.fixture
def program(command: tuple[str, ...]) -> Iterator[UserProgram]:
    """The actor, which may be silent for two seconds and write a million bytes."""
    made = UserProgram(command, 2, 1_000_000)
    yield made
    made.close()


def asked(program: UserProgram, *pages: str) -> list[tuple[str, str]]:
    """Outcome and text of each page."""
    return [
        (reply.outcome, reply.text) for reply in program.extract([SentPage("https://a.b/", page) for page in pages])
    ]


def test_pages_go_in_and_texts_come_out(program: UserProgram) -> None:
    """One process serves call after call, pages of any size and many at once."""
    assert asked(program) == []
    pages = [f"page {number} " + "é" * 20_000 for number in range(100)]
    assert asked(program, *pages) == [("ok", page.upper()) for page in pages]
    assert asked(program, "x" * 900_000, "y") == [("ok", "X" * 900_000), ("ok", "Y")]


def test_answers_may_be_in_any_order(program: UserProgram) -> None:
    """A program that answers when it has read a batch, backwards, gives each page its own text."""
    pages = [f"batch 8 {number}" for number in range(16)]
    assert asked(program, *pages) == [("ok", page.upper()) for page in pages]


@pytest.mark.parametrize(
    ("page", "outcome", "note"),
    [
        ("crash", "crash", "SIGSEGV"),
        ("exit", "crash", "exit code 3"),
        ("hang", "timeout", None),
        ("swallow", "timeout", None),
        ("garbage", "exception", "answers no page: b'Loading model: 100 %'"),
        ("stranger", "exception", 'answers no page: b\'{"id": -1, "text": "x"}\''),
        ("list", "exception", "answers no page: b'["),
        ("deep", "exception", f"answers no page: {b'[' * 100!r}"),
        ("endless", "exception", "an answer has more than 1000000 bytes"),
        ("error", "exception", "no model"),
        ("null", "exception", "has no text"),
    ],
)
def test_poison_harms_only_itself(program: UserProgram, page: str, outcome: str, note: str | None) -> None:
    """Pages before and after one that breaks the program have their texts, and the page has its reason."""
    replies = program.extract([SentPage("", html) for html in ("before", page, "after", "later")])
    assert [reply.text for reply in replies] == ["BEFORE", "", "AFTER", "LATER"]
    assert (replies[1].outcome, (replies[1].note or "")[: len(note or "")]) == (outcome, note or "")
    assert asked(program, "next") == [("ok", "NEXT")]


def test_a_death_is_believed_the_second_time(program: UserProgram, tmp_path: Path) -> None:
    """Where the program ends, the page is asked again from a new one."""
    page = f"once {tmp_path}/mark"
    assert asked(program, "before", page, "after") == [("ok", "BEFORE"), ("ok", page.upper()), ("ok", "AFTER")]


def test_a_late_answer_meets_no_other_page(program: UserProgram) -> None:
    """A second answer to a page is not taken for that to the next one, in this call or the next."""
    assert asked(program, "twice") == [("ok", "TWICE")]
    time.sleep(0.1)
    assert asked(program, "other", "twice", "last") == [("ok", "OTHER"), ("ok", "TWICE"), ("ok", "LAST")]


def test_lone_surrogates_do_not_break_a_text(program: UserProgram) -> None:
    """JSON can write what UTF-8 cannot."""
    assert asked(program, "surrogate") == [("ok", "a?b")]


def test_close_ends_the_process(program: UserProgram) -> None:
    """Nothing of the program is left."""
    asked(program, "x")
    (child,) = [child for child in psutil.Process().children() if "actor.py" in " ".join(child.cmdline())]
    program.close()
    assert not psutil.pid_exists(child.pid)


def test_a_command_that_is_not_there_fails_the_part() -> None:
    """It is no page's fault."""
    with pytest.raises(PartFailed, match="cannot be started"):
        UserProgram(["/nowhere/model"], 1, 1).extract([SentPage("", "x")])
