"""What tasks log in their workers is reported with their outcome, and printed as before."""

from __future__ import annotations

import logging
import warnings

import pytest

from refinery.executors import Done, ProgressMarker
from refinery.executors.local import LocalExecutor
from refinery.executors.messages import LONGEST, MOST, Messages


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Messages:
    """Those of this process."""
    monkeypatch.setattr(warnings, "showwarning", lambda *_: None)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    return Messages()


def test_warnings_and_log_records_are_taken_once(messages: Messages) -> None:
    """With level, logger and text, the first ones of a task."""

    def log(level: int, message: object, *values: object) -> None:
        messages.handle(logging.LogRecord("toy", level, "", 0, message, values, None))

    log(logging.ERROR, "%d of %s", 3, "four")
    log(logging.WARNING, "%d", "no number")
    messages._warned(FutureWarning("x" * 1000), FutureWarning, "file.py", 1)
    taken = [tuple(one)[1:] for one in messages.taken()]
    assert taken[0] == ("error", "toy", "3 of four")
    assert taken[1] == ("warning", "toy", "%d")
    assert taken[2] == ("warning", "py.warnings", f"FutureWarning: {'x' * 1000}"[:LONGEST])
    assert messages.taken() == ()
    for number in range(MOST + 5):
        log(logging.WARNING, number)
    assert [one.message for one in messages.taken()][-2:] == [str(MOST - 1), "5 more messages"]


def warned(task: str, mark: ProgressMarker) -> str:
    """A task that logs."""
    del mark
    logging.getLogger("toy").warning("in %s", task)
    return task


def test_a_worker_reports_what_its_task_logs(capfd: pytest.CaptureFixture[str]) -> None:
    """With its host and process; standard error has it as well."""
    executor = LocalExecutor(1, 2**40)
    outcomes = [*executor.map(warned, ["a", "b"])]
    executor.close()
    assert [type(one) for one in outcomes] == [Done, Done]
    assert [[line.message for line in one.report.logged] for one in outcomes] == [["in a"], ["in b"]]
    assert len({one.report.worker for one in outcomes}) == 1
    assert capfd.readouterr().err == "in a\nin b\n"
