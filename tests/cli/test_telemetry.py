"""What ``run`` writes for operators: a log as JSON lines, metrics, and a summary, all of the same events."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prometheus_client")

from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from refinery.cli import _telemetry, execute
from refinery.errors import StorageError
from refinery.inspect.counts import read_counts
from refinery.runner.events import Event
from refinery.runner.run import run
from refinery.store import LocalStore
from tests.conftest import REPOSITORY
from tests.engine import toy
from tests.engine.inline import Death, InlineExecutor
from tests.engine.roots import RootContents, pipeline, steps, write_inputs
from tests.engine.toy import Length, LineSource

RECIPE = """\
dataset: toy
inputs: in/*.txt
root: {root}
executor: {{workers: 1}}
pipeline:
  - lines-of-text: {{use: 'tests.engine.toy:LineSource'}}
  - words: {{use: 'tests.engine.toy:Length'}}
  - same: {{use: 'tests.engine.toy:Same'}}
"""
TEXTS = (["one line", "two lines", "short"], ["one line", "three lines"])

Values = dict[str, Any]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with inputs and a recipe, which is the current one; tasks run in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("refinery.runner.run._executor", lambda given: InlineExecutor())
    write_inputs(Path("in"), TEXTS)
    Path("refinery.yaml").write_text(RECIPE.format(root="root"))


def log(path: str = "log") -> list[Values]:
    """The objects of a log."""
    return [json.loads(line) for line in Path(path).read_text("ascii").splitlines()]


def kinds(events: list[Values]) -> list[str]:
    """The kinds of events."""
    return [event["event"] for event in events]


def progress(err: str) -> list[str]:
    """Lines of progress, without rates."""
    return [re.sub(r"(?<=\d/\d).*", "", line) for line in err.partition("done: ")[0].splitlines()]


def samples(parse: Any, path: str = "m/r.prom") -> dict[tuple[str, str], float]:
    """Metrics by name and by phase or state."""
    families = [*parse(Path(path).read_text("utf-8"))]
    found = [sample for family in families for sample in family.samples]
    assert {family.type for family in families} <= {"counter", "gauge", "unknown"}
    assert not [sample for sample in found if sample.timestamp]  # the textfile collector refuses a file with any
    return {(one.name, one.labels.get("phase") or one.labels.get("state", "")): one.value for one in found}


def test_log_metrics_and_summary_agree(capsys: pytest.CaptureFixture[str]) -> None:
    """With each other, with the counts of the root, and with the display, which is as it was."""
    assert execute(["run", "--json", "--log-json", "log", "--metrics", "m/r.prom"]) == 0
    out, err = capsys.readouterr()
    assert execute(["run", "--json", "--set", "root=again"]) == 0
    assert progress(err) == progress(capsys.readouterr().err)
    events, summary = log(), json.loads(out)
    assert {event["run"] for event in events} == {summary["run"]["id"]}
    assert Path(f"root/runs/{summary['run']['id']}.json").is_file()
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]) for event in events)
    done = [event for event in events if event["event"] == "task_done"]
    assert [(one["part"], one["attempt"]) for one in done if one["stage"] == "lines-of-text → words → same"] == [
        (0, 1),
        (1, 1),
    ]
    assert summary["run"]["done"] == len(done) == summary["tasks"]
    assert (summary["exit_code"], summary["run"]["state"]) == (0, "done")
    committed = [event for event in events if event["event"] == "committed"]
    for stage in read_counts("root").stages:
        mine = [one for one in committed if (one["stage"], one["kind"]) == (stage.name, "stage")]
        assert sum(one["kept"] for one in mine) == stage.counts.documents["kept"]
    metrics = samples(open_metrics)
    assert metrics == samples(prometheus)
    for phase in summary["run"]["phases"]:
        for name, field in (("done_tasks_total", "done"), ("documents_total", "documents"), ("tasks", "tasks")):
            assert metrics[f"refinery_{name}", phase["title"]] == phase[field]
        mine = [one for one in done if one["phase"] == phase["title"]]
        assert metrics["refinery_written_bytes_total", phase["title"]] == sum(one["bytes_written"] for one in mine)
        assert metrics["refinery_worker_peak_memory_bytes", phase["title"]] == max(one["memory"] for one in mine)
    assert (metrics["refinery_run_state", "done"], metrics["refinery_run_state", "running"]) == (1, 0)
    assert metrics["refinery_driver_memory_bytes", ""] > 1e6


def test_the_dashboard_uses_metrics_that_are_written() -> None:
    """And a panel shows each of them."""
    assert execute(["run", "-q", "--metrics", "m/r.prom"]) == 0
    text = (REPOSITORY / "deploy/grafana.json").read_text("utf-8")
    board = json.loads(text)
    asked = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
    known = {name for name, _ in samples(open_metrics)} | {"refinery_run_info"}
    assert set(re.findall(r"refinery_\w+", text)) <= known
    assert known - {"refinery_run_info"} == set(re.findall(r"refinery_\w+", asked))


def test_attempts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that kills its worker, in which step, and when the part was begun again."""
    write_inputs(Path("in"), (["one line", "deadly line"],))

    def die() -> None:
        raise Death(7)

    monkeypatch.setattr(toy, "die", die)
    assert execute(["run", "-q", "--log-json", "log", "--metrics", "m/r.prom"]) == 0
    events = [event for event in log() if event.get("part") == 0 and event["phase"] == "lines-of-text → words"]
    died = [event for event in events if event["event"] == "attempt_failed"]
    assert {(one["level"], one["stage"]) for one in died} == {("warning", "words")}
    assert [event["attempt"] for event in events if event["event"] == "task_started"] == [*range(1, len(died) + 2)]
    assert [event["attempt"] for event in events if event["event"] == "task_done"] == [len(died) + 1]
    metrics = samples(open_metrics)
    assert metrics["refinery_retried_tasks_total", "lines-of-text → words"] == len(died) > 1


def test_a_part_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """The log has its traceback, and all end with the exit code."""
    write_inputs(Path("in"), (["poison"] * 100, ["a line"]))
    assert execute(["run", "-q", "--json", "--log-json", "log", "--metrics", "m/r.prom"]) == 1
    summary, events = json.loads(capsys.readouterr().out), log()
    failed = next(event for event in events if event["event"] == "task_failed")
    assert (failed["level"], failed["part"], failed["attempt"]) == ("error", 0, 1)
    assert "on all 100 documents" in failed["message"]
    assert failed["trace"].startswith("Traceback")
    assert (summary["exit_code"], summary["run"]["failed"], summary["run"]["state"]) == (1, 1, "failed")
    assert events[-1]["event"] == "run_ended"
    assert samples(open_metrics)["refinery_run_state", "failed"] == 1


@pytest.mark.parametrize(
    ("error", "code", "state"),
    [(KeyboardInterrupt(), 130, "interrupted"), (StorageError("the store is gone"), 3, "failed")],
)
def test_a_run_that_is_ended(
    error: BaseException, code: int, state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the user or by an error: the summary is printed all the same."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(toy.LineSource, "read", fail)
    monkeypatch.setattr(InlineExecutor, "_do", fail)
    assert execute(["run", "-q", "--json", "--log-json", "log", "--metrics", "m/r.prom"]) == code
    summary = json.loads(capsys.readouterr().out)
    assert (summary["exit_code"], summary["runs"][0]["run"]["state"]) == (code, state)
    assert (log()[-1]["state"], log()[-1].get("message", "")) == (state, str(getattr(error, "message", "")))
    assert samples(open_metrics)["refinery_run_state", state] == 1


def test_a_run_with_nothing_to_do_is_reported() -> None:
    """And leaves no record; the log is appended to."""
    for _ in range(2):
        assert execute(["run", "-q", "--log-json", "log", "--metrics", "m/r.prom"]) == 0
    assert kinds(log())[-2:] == ["run_started", "run_ended"]
    assert len({event["run"] for event in log()}) == 2
    assert len([*Path("root/runs").glob("*.json")]) == 1
    assert samples(open_metrics)["refinery_run_state", "done"] == 1


def test_several_roots_have_one_log() -> None:
    """Runs differ in their id, metrics in the root."""
    Path("other.yaml").write_text(RECIPE.format(root="other"))
    assert execute(["run", "-q", "refinery.yaml", "other.yaml", "--log-json", "log", "--metrics", "m/r.prom"]) == 0
    started = [event for event in log() if event["event"] == "run_started"]
    assert [event["root"] for event in started] == ["root", "other"]
    families = [*open_metrics(Path("m/r.prom").read_text("utf-8"))]
    tasks = next(family for family in families if family.name == "refinery_tasks")
    assert {sample.labels["root"] for sample in tasks.samples} == {"root", "other"}


def test_standard_error_is_json_lines_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """Instead of progress."""
    assert execute(["run", "--log-json", "stderr"]) == 0
    out, err = capfd.readouterr()
    assert "kept" in out
    assert kinds([json.loads(line) for line in err.splitlines()])[-1] == "run_ended"


def test_a_file_that_cannot_be_written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Is an error before the run; while it goes on, a warning, and the run goes on."""
    for option in ("--log-json", "--metrics"):
        assert execute(["run", option, "in"]) == 3
        assert "error: in: " in capsys.readouterr().err
        assert execute(["run", option, "s3://bucket/file"]) == 2
    assert not Path("root").exists()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_telemetry, "log_line", full)
    capsys.readouterr()
    assert execute(["run", "-q", "--log-json", "log"]) == 0
    assert capsys.readouterr().err == "warning: the run continues, but log: No space left on device\n"


def test_metrics_are_replaced_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, at the end, and at most every few seconds."""
    put: list[str] = []
    real = LocalStore.put

    def count(store: LocalStore, path: str, data: bytes) -> None:
        put.append(path)
        real(store, path, data)

    monkeypatch.setattr(LocalStore, "put", count)
    assert execute(["run", "-q", "--metrics", "m/r.prom"]) == 0
    assert put.count("m/r.prom") == 2
    assert [path.name for path in Path("m").iterdir()] == ["r.prom"]
    monkeypatch.setattr(_telemetry, "METRICS_SECONDS", 0)
    put.clear()
    assert execute(["run", "-q", "--set", "root=other", "--log-json", "log", "--metrics", "m/r.prom"]) == 0
    assert put.count("m/r.prom") == len(log()) + 1


def test_events_change_no_result(tmp_path: Path) -> None:
    """Content ids are those of a run without listeners."""
    given = [pipeline(tmp_path, steps(LineSource(), Length()), root=root) for root in ("quiet", "watched")]
    seen: list[Event] = []
    run(given[0], executor=InlineExecutor())
    run(given[1], executor=InlineExecutor(), listener=seen.append)
    assert RootContents(tmp_path / "quiet").contents() == RootContents(tmp_path / "watched").contents()
    assert seen[0].kind == "run_started"
    assert {event.phase.running for event in seen if event.phase and event.kind == "task_started"} == {1}
    assert {event.phase.running for event in seen if event.phase and event.kind == "task_done"} == {0}
