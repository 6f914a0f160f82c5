"""The verbs that look at a root: what they print, the shape of their JSON, and their exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given, settings, strategies as st

from refinery.cli import execute
from refinery.cli._output import columns, percent, print_json
from refinery.cli._reading import cut_lines, metric_texts, wrapped
from refinery.cli.sample import _quoted
from refinery.cli.stats import bar
from refinery.demo import sample
from refinery.formatting import safe, safe_lines, shortened, span
from refinery.inspect.evidence import Mark
from refinery.inspect.outcomes import Cut, MetricValue, StageOutcome
from refinery.inspect.quarantine import Case
from refinery.inspect.rows import Document
from refinery.inspect.samples import Sample
from refinery.recipe import consent, recipe_dict
from refinery.stages.substring import Substring
from tests.engine.inline import InlineExecutor
from tests.engine.looked import LINES, make, recipe
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource

VERBS = ["stats", "sample", "why", "verify", "gc", "status", "logs"]
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command line: exit code, standard output, standard error."""

    def command(*arguments: object) -> tuple[int, str, str]:
        code = execute([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return command


LISTED = """
max_broken_inputs: 100%
inputs: demo/*.warc.gz
root: root
pipeline:
  - warc
  - url
"""


def test_a_file_that_set_names_is_opened_where_it_is_named_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    """By --set with a recipe, or in the recipe; a root alone is no reason to open it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("refinery.runner.run._executor", lambda given: InlineExecutor())
    sample("demo", pages=120, files=1, seed=3)
    Path("listed.txt").write_text("example.com\n")
    Path("refinery.yaml").write_text(LISTED)
    Path("listing.yaml").write_text(LISTED.replace("- url", "- url: {blocklists: [./listed.txt]}"))
    setting = ("--set", "url.blocklists=[./listed.txt]")
    code, _, error = say("run", *setting)
    assert code == 0, error

    def answer(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(consent, "_files", set())  # another process
        return say(*arguments)

    for refused in (["sample"], ["sample", "--root", "root"]):
        code, _, error = answer(*refused)
        assert code == 2
        assert "must not open the file './listed.txt'" in error and "the --set of the run" in error
    for allowed in (["sample", *setting], ["sample", "-c", "listing.yaml"]):
        assert answer(*allowed)[0] == 0
    assert "edited since the run: url.blocklists" in answer("stats")[1]
    assert "edited" not in answer("stats", *setting)[1]
    Path("refinery.yaml").unlink()
    assert "pass -c RECIPE" in answer("sample", "--root", "root", *setting)[2]


def data(answer: tuple[int, str, str], code: int = 0) -> Any:
    """The JSON of an answer that ended with ``code`` and said nothing else."""
    assert answer[0] == code, answer
    return json.loads(answer[1])


# -------------------------------------------------------------------------------------------------------- every verb


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_that_is_no_root_is_wrong_usage(say: Say, verb: str, tmp_path: Path) -> None:
    """One line that names it, exit code 2."""
    query = ["x"] if verb == "why" else []
    code, out, err = say(verb, *query, "--root", tmp_path)
    assert (code, out) == (2, "")
    assert f"{tmp_path} is no root of refinery (no HEAD.json)" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("verb", VERBS)
def test_a_damaged_head_is_a_storage_error(say: Say, verb: str, tmp_path: Path) -> None:
    """Exit code 3; only verify makes it a finding."""
    (tmp_path / "HEAD.json").write_text("{")
    code, out, err = say(verb, *(["x"] if verb == "why" else []), "--root", tmp_path)
    assert code == (1 if verb == "verify" else 3)
    assert "HEAD.json" in out + err


@pytest.mark.parametrize("verb", VERBS)
def test_the_root_may_be_the_recipes(say: Say, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With -c, or where refinery.yaml lies in the current folder; else it is asked for."""
    monkeypatch.chdir(tmp_path)
    query = ["x"] if verb == "why" else []
    code, _, err = say(verb, *query)
    assert code == 2
    assert "no root selected" in err
    step = "lines-of-text: {use: 'tests.engine.toy:LineSource'}"
    text = f"dataset: x\ninputs: none\nroot: {tmp_path}/made\npipeline: [{step}]\n"
    for name, option in (("refinery.yaml", []), ("other.yaml", ["-c", "other.yaml"])):
        Path(name).write_text(text, encoding="utf-8")
        assert f"{tmp_path}/made is no root" in say(verb, *query, *option)[2]
        Path(name).unlink()


@pytest.mark.parametrize("arguments", [[verb] for verb in VERBS if verb != "why"] + [["why", "file://0.txt#6"]])
def test_quiet_says_nothing_and_json_says_only_that(say: Say, root: Path, arguments: list[str]) -> None:
    """-q for scripts that want the exit code; --json is one document on standard output."""
    assert say(*arguments, "--root", root, "-q") == (0, "", "")
    answer = say(*arguments, "--root", root, "--json")
    assert isinstance(data(answer), dict)
    assert answer[2] == ""


# --------------------------------------------------------------------------------------------------------------- stats


def test_stats_json_is_what_scripts_rely_on(say: Say, root: Path) -> None:
    """Name, documents, tokens and reasons of each stage, and whether the books balance."""
    found = data(say("stats", "--root", root, "--json"))
    keys = {"dataset", "stages", "audit", "not_run", "balanced", "problems", "changed_settings", "warnings"}
    assert set(found) == keys
    assert (found["dataset"], found["balanced"], found["problems"]) == ("toy", True, [])
    for stage in found["stages"]:
        documents = stage["documents"]
        assert documents["in"] == documents["kept"] + documents["removed"]
        assert sum(stage["reasons"].values()) == documents["removed"]
        assert set(stage["tokens"]) == {"in", "kept", "removed", "cut"}
        assert stage["parts"]["done"] == stage["parts"]["expected"]
    assert found["stages"][0]["documents"]["in"] == sum(map(len, LINES))
    assert found["stages"][1]["metrics"]["words"]["scale"] == "count"


def test_stats_show_funnel_reasons_and_checks(say: Say, root: Path) -> None:
    """A line a stage, the reasons, and a mark that the books balance."""
    code, out, _ = say("stats", "--root", root)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["documents", "of", "input", "of", "previous", "tokens"]
    assert re.fullmatch(r"  words +15  █+▌ +78.9% +78.9% +\d+", lines[2])
    assert any(re.match(r"  words +4  short 2 \(10.5%\)  digits 1 ", line) for line in lines)
    assert "in = kept + removed in every stage and part ✓    parts missing 0    documents with errors 1 (5.3%)" in out


def test_check_and_stats_say_when_the_recipe_was_edited_since_the_run(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the values before and after; a recipe that is as it was run, and a root without one, say nothing."""
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path / "in")
    made = pipeline(tmp_path, inputs=("in/*.txt",), root="root").model_copy(update={"root": "root"})
    quick(made)
    text = json.dumps({**recipe_dict(made), "root": "root"})
    Path("refinery.yaml").write_text(text)
    assert not any("edited" in say(*verb)[1] for verb in (("check",), ("stats",), ("stats", "--root", "root")))
    Path("refinery.yaml").write_text(
        text.replace('"audit": 0', '"audit": 7').replace('"min_words": 2', '"min_words": 3')
    )
    for verb in ("check", "stats"):
        assert "edited since the run: audit 0 → 7, words.min_words 2 → 3" in say(verb)[1]
        assert data(say(verb, "--json"))["changed_settings"] == [
            {"name": "audit", "left": 0, "right": 7},
            {"name": "words.min_words", "left": 2, "right": 3},
        ]
    assert "edited" not in say("stats", "--root", "root")[1]


def test_stats_take_a_selection(say: Say, root: Path) -> None:
    """Stages by name, parts by number; what excludes each other is wrong usage."""
    assert [s["name"] for s in data(say("stats", "--root", root, "--only", "snip", "--json"))["stages"]] == ["snip"]
    part = data(say("stats", "--root", root, "--parts", "0,3-4", "--until", "snip", "--json"))
    assert part["stages"][0]["documents"]["in"] == sum(len(LINES[number]) for number in (0, 3, 4))
    assert say("stats", "--root", root, "--only", "snip", "--from", "words")[0] == 2
    assert say("stats", "--root", root, "--parts", "x")[0] == 2


def test_stats_of_books_that_do_not_balance_end_with_1(say: Say, copy: Path) -> None:
    """The text and the JSON name the place."""
    path = next(iter(copy.glob("01-words/receipts/*")))
    receipt = json.loads(path.read_bytes())
    receipt["rows"]["kept"] += 1
    path.write_text(json.dumps(receipt))
    found = data(say("stats", "--root", copy, "--json"), code=1)
    assert not found["balanced"]
    assert {problem["stage"] for problem in found["problems"]} >= {"words"}
    code, out, _ = say("stats", "--root", copy)
    assert code == 1
    assert "✗" in out
    assert "words, part" in out


@given(st.integers(0, 1000), st.integers(0, 1000))
@settings(max_examples=50)
def test_bars_grow_with_their_share(part: int, whole: int) -> None:
    """Never wider than the column, empty of nothing, full of all."""
    drawn = bar(part, whole)
    assert len(drawn) <= 12
    assert (drawn == "█" * 12) == (whole > 0 and part / whole >= 1 - 1 / 192)
    assert len(bar(part, whole)) <= len(bar(min(part + 100, 1000), whole))


def test_figures_are_for_people() -> None:
    """Shares of nothing are a dash, tiny ones keep a digit."""
    assert [percent(0, 0), percent(0, 5), percent(1, 3), percent(5, 100_000)] == ["–", "0.0%", "33.3%", "0.005%"]
    assert [span(45), span(1200), span(9000)] == ["45 s", "20 min", "2.5 h"]
    assert columns([("a", "1"), ("long", "22")], right=(1,)) == "  a      1\n  long  22"
    assert shortened("abcdef", 3) == "abc… (3 characters more)"


# -------------------------------------------------------------------------------------------------------- hostile text


@given(st.text())
@settings(max_examples=100)
def test_crawled_text_cannot_steer_a_terminal(text: str) -> None:
    """No control character gets through, and text without any is as it was."""
    for made in (safe(text), safe_lines(text), wrapped([safe(text)], "  ")):
        assert not STEERING.search(made)
    assert "\n" not in safe(text)
    if text.isprintable():
        assert safe(text) == safe_lines(text) == text


def test_json_of_crawled_text_is_safe_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    """What a terminal might obey is escaped, and means the same."""
    value = {"text": "\x1b[31m \x9b31m \u202e \x00 ü 你"}
    print_json(value)
    out = capsys.readouterr().out
    assert not STEERING.search(out)
    assert "ü 你" in out
    assert json.loads(out) == value


def test_texts_and_urls_from_the_crawl_are_shown_harmless(say: Say, root: Path) -> None:
    """The line with a colour code in it, by both verbs that show text."""
    place = "file://4.txt#3"
    _, out, _ = say("sample", "--stage", "words", "-n", "100", "--root", root)
    assert "\\x1b[31mred\\x1b[0m words end" in out
    _, shown, _ = say("why", place, "--root", root)
    assert shown.startswith(place)
    code, _, err = say("why", "\x1b]0;title\x07", "--root", root)
    assert code == 1
    assert "\\x1b]0;title\\x07" in err
    for text in (out, shown, err):
        assert not STEERING.search(text)


# ------------------------------------------------------------------------------------------------------ sample and why


def test_sample_shows_document_figures_reason_and_text(say: Say, root: Path) -> None:
    """And in JSON the same."""
    code, out, _ = say("sample", "--rule", "short", "-n", "1", "--root", root)
    assert code == 0
    assert "words REMOVED: short" in out
    assert "words 1 (≥ 2 ✗)" in out
    assert out.endswith("1 of 2 matching documents\n")
    found = data(say("sample", "--rule", "short", "-n", "1", "--root", root, "--json"))
    (one,) = found["documents"]
    assert found["matching"] == 2
    assert f"  │ {one['text']}\n" in out
    assert one["outcome"]["metrics"][0] == {
        "name": "words",
        "value": 1,
        "unit": "",
        "rules": [{"rule": "short", "threshold": "≥ 2", "fails": True}],
    }


def test_sample_shows_what_was_cut(say: Say, root: Path) -> None:
    """Place, size, reason and text of each span."""
    _, out, _ = say("sample", "--stage", "snip", "-n", "100", "--root", root)
    assert "cut at 8, 4 bytes, end:  end" in out


def test_a_text_is_marked_line_by_line() -> None:
    """Only on a terminal is there a difference, and what is marked steers it no more than the rest."""
    text = "tail\x1b[0m\nof end"
    who, outcome = (
        Document("00" * 16, None, None, None, None, None),
        StageOutcome("removed", "short", ("short",), "", (), ()),
    )
    one = Sample(who, "words", outcome, text, "", (Mark(0, 11, "short"), Mark(11, 15, "end", cut=True)))
    found = _quoted(one, every=False)
    assert click.unstyle(found) == "  │ tail\\x1b[0m\n  │ of[- end-]"
    reverse, struck = (click.style("tail\\x1b[0m", reverse=True), click.style("[- end-]", fg="red", strikethrough=True))
    assert found == f"  │ {reverse}\n  │ {click.style('of', reverse=True)}{struck}"
    assert click.unstyle(_quoted(replace(one, text=text * 200), every=False)).endswith(
        "… (2,000 characters more; -v shows all)"
    )


def test_why_tells_every_stage(say: Say, root: Path) -> None:
    """Stored verdicts, those that would be, and whether they agree."""
    code, out, _ = say("why", "file://0.txt#2", "--root", root)
    assert code == 0
    stages = [line.split(maxsplit=1) for line in out.splitlines()[3:] if re.match(r"  [a-z]", line)]
    reported = {words[0]: words[1] for words in reversed(stages)}
    assert reported["words"] == "REMOVED short"
    assert reported["snip"] == "not reached; had words kept it: REMOVED snipped"
    assert reported["same"].startswith("not reached; needs the whole dataset")
    assert "  replay agrees with the stored result\n" in out
    found = data(say("why", "file://0.txt#2", "--root", root, "--json"))
    assert [stage["same"] for stage in found["documents"][0]["stages"]] == [True, True, None, None, None, None]


def test_why_without_a_document_ends_with_1(say: Say, root: Path) -> None:
    """It says what it looked for, what is like it, and what cannot be found."""
    code, out, err = say("why", "0.txt#6", "--root", root)
    assert (code, out) == (1, "")
    assert "did you mean file://0.txt#6" in err
    assert "records without a document" in err
    assert data(say("why", "0.txt#6", "--root", root, "--json"), code=1)["similar_urls"] == ["file://0.txt#6"]


def test_why_with_a_recipe_tells_what_it_would_say(say: Say, root: Path, tmp_path: Path) -> None:
    """The stored verdict and the new one beside each other."""
    head = json.loads((root / "HEAD.json").read_bytes())["recipe"]
    head["pipeline"][2]["snip"]["least"] = 50
    path = tmp_path / "other.yaml"
    path.write_text(json.dumps({**head, "root": str(root)}), encoding="utf-8")
    code, out, _ = say("why", "file://0.txt#6", "-c", path)
    assert code == 0
    assert re.search(rf"snip +stored: kept\n.*\n +with {path}: REMOVED snipped", out)
    assert "  replay disagrees with the stored result\n" in out


# ---------------------------------------------------------------------------------------------------------------- find


def test_find_prints_every_row_of_a_document(say: Say, root: Path) -> None:
    """A line for each, with its file and number; JSON has the same, and what is not there is exit code 1."""
    code, out, _ = say("find", "--root", root, "--text", "same again")
    assert code == 0
    assert out.startswith("1 document in 6 rows\n")
    assert "05-gather/kept/part-" in out
    found = data(say("find", "--root", root, "--text", "same again", "--json"))
    assert [row["stage"] for row in found["rows"]] == ["lines-of-text", "words", "snip", "same", "upper", "gather"]
    assert found["documents"] == [found["rows"][0]["id"]]
    assert say("find", "--root", root, found["documents"][0])[1] == out
    assert say("find", "--root", root, "example.org") == (1, "", "no such document\n")
    assert say("find", "--root", root)[0] == 2


def test_takedown_reads_a_list_and_reports_it(say: Say, copy: Path, tmp_path: Path) -> None:
    """From a file; a dry run first. A line that is no entry, and a list without one, change nothing."""
    listed = tmp_path / "list.txt"
    (identity,) = data(say("find", "--root", copy, "--text", "same again", "--json"))["documents"]
    listed.write_text(f"# opt-outs\n{identity}\nexample.org\n", encoding="utf-8")
    code, out, _ = say("takedown", listed, "--root", copy, "--dry-run")
    assert (code, out.splitlines()[-1]) == (0, "would take down 1 document in 6 files")
    assert say("takedown", listed, "--root", copy)[1].endswith("took down 1 document in 6 files: takedowns/0001.json\n")
    assert say("takedown", listed, "--root", copy)[1].endswith("nothing to take down\n")
    assert "taken down since the run: gather has" in say("stats", "--root", copy)[1]
    for wrong in ("", "no entry\n"):
        listed.write_text(wrong, encoding="utf-8")
        assert say("takedown", listed, "--root", copy)[0] == 2


# ------------------------------------------------------------------------------------------- verify, gc, status, logs


def test_verify_ends_with_0_or_1(say: Say, copy: Path) -> None:
    """And names what it finds."""
    code, out, _ = say("verify", "--root", copy, "--rerun-sample", "1%")
    assert code == 0
    assert out.endswith("3 parts recomputed: ok\n")
    assert re.search(
        r"^5 input files, up to upper: 24 records = \d+ skipped \+ \d+ removed \+ \d+ kept$", out, re.MULTILINE
    )
    assert f"{copy.name}" not in out
    assert re.search(r"  \S+/0.txt: 8 records = 1 skipped", say("verify", "--root", copy, "-v")[1])
    assert data(say("verify", "--root", copy, "--json"))["ok"]
    path = next(iter(copy.glob("02-snip/removed/part-00000-*.parquet")))
    path.unlink()
    code, out, _ = say("verify", "--root", copy)
    assert code == 1
    assert f"snip, part 0, {path.relative_to(copy)}: the file is not there" in out
    assert "first affected part: snip, part 0\n" in out
    found = data(say("verify", "--root", copy, "--json"), code=1)
    assert found["findings"] == [
        {"message": "the file is not there", "stage": "snip", "part": 0, "file": str(path.relative_to(copy))}
    ]


def test_gc_shows_first_and_deletes_when_told(say: Say, copy: Path) -> None:
    """Nothing is deleted without --yes."""
    (copy / "tmp").mkdir(exist_ok=True)
    stray = copy / "tmp" / ("0" * 32)
    stray.write_bytes(b"x" * 2000)
    code, out, _ = say("gc", "--root", copy)
    assert code == 0
    assert "1 file, 2.0 kB can be deleted: add --yes" in out
    assert stray.exists()
    found = data(say("gc", "--root", copy, "--yes", "--json"))
    assert found["deleted"]
    assert found["bytes"] == 2000
    assert found["files"] == [{"path": f"tmp/{stray.name}", "kind": "temporary", "bytes": 2000}]
    assert not stray.exists()
    assert say("gc", "--root", copy)[1] == "nothing to delete\n"


def test_status_tells_a_run_that_is_under_way_killed_or_done(say: Say, copy: Path) -> None:
    """With its phase, rates and the time left while it runs, and what to do once it is dead."""
    assert say("status", "--root", copy)[1].startswith("toy\n  done   started ")
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    phase = {"title": "a → b", "tasks": 4, "bytes": 4_000_000, "done": 1, "failed": 1, "bytes_done": 2_000_000}
    record = {
        "started": now,
        "updated": now,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": {},
        "state": "running",
        "phases": [{**phase, "documents": 50, "seconds": 10.0, "eta": 400.0}],
        "problems": [{"time": now, "message": "part 1: \x1b[2J", "trace": "Traceback\n  here"}],
    }
    path = copy / "runs" / "99990101T000000-1.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    _, out, _ = say("status", "--root", copy)
    assert "a → b: 1 of 4 tasks, 1 failed   200.0 kB/s, 5 documents/s, 7 min left" in out
    assert "1 problem: `refinery logs`" in out
    found = data(say("status", "--root", copy, "--json"))
    reported = "file state started updated ended host pid command running phase problems eta amounts"
    assert set(found["run"]) == {*reported.split(), "bytes_per_second", "documents_per_second"}
    assert found["run"]["state"] == "running"
    assert found["run"]["phase"]["done"] == 1
    assert found["run"]["bytes_per_second"] == 200_000
    path.write_text(json.dumps({**record, "pid": 2**22 + 1}), encoding="utf-8")
    assert "  killed   " in say("status", "--root", copy)[1]
    _, out, _ = say("logs", "--root", copy)
    assert out.endswith(f"\n{now}  part 1: \\x1b[2J\n")
    assert say("logs", "--root", copy, "-v")[1].endswith("\n    Traceback\n      here\n")
    assert data(say("logs", "--root", copy, "--json"))["problems"][0]["trace"] == "Traceback\n  here"


def test_logs_show_what_is_quarantined(say: Say, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who it is, why, and where its record is; none of it steers the terminal."""
    assert say("logs", "--root", copy, "--quarantine")[1] == "no quarantined documents\n"
    url = "http://a.example/\x1b[2J"
    who = Document("00" * 16, url, None, "a.warc.gz", 5, 10)
    cases = (
        Case("extract", who, "crash", "killed by SIGSEGV", "quarantine/x"),
        Case("extract", who, "timeout", "", ""),
    )
    monkeypatch.setattr("refinery.cli.logs.quarantined", lambda _root: cases)
    out = say("logs", "--root", copy, "--quarantine")[1]
    assert out.count("http://a.example/\\x1b[2J\n") == 2
    assert f"  extract: crash, killed by SIGSEGV\n  record: {copy}/quarantine/x\n" in out
    assert out.endswith("  extract: timeout\n  record: only in the input file\n")
    assert say("logs", "--root", copy, "--quarantine", "-n", "1")[1].endswith("and 1 more: -n 2 shows all\n")
    found = data(say("logs", "--root", copy, "--quarantine", "--json"))
    assert (found["total"], found["cases"][0]["document"]["url"]) == (2, url)


def test_logs_show_as_many_as_asked(say: Say, copy: Path) -> None:
    """And say how many more there are."""
    assert say("logs", "--root", copy)[1].endswith("no failures\n")
    newest = max((copy / "runs").glob("*.json"))
    listed = [{"time": "2024-01-01T00:00:00Z", "message": str(number)} for number in range(30)]
    newest.write_text(json.dumps({**json.loads(newest.read_bytes()), "problems": listed}))
    _, out, _ = say("logs", "--root", copy, "-n", "2")
    assert out.splitlines()[-3:] == [
        "2024-01-01T00:00:00Z  29",
        "2024-01-01T00:00:00Z  28",
        "and 28 more: -n 30 shows all",
    ]


def test_a_root_without_any_stage_yet_is_told(say: Say, tmp_path: Path) -> None:
    """As a run leaves it that was killed at once."""
    path = make(tmp_path)
    head = json.loads((path / "HEAD.json").read_bytes())
    (path / "HEAD.json").write_text(json.dumps({**head, "manifests": {}, "outputs_current": False}))
    for folder in head["folders"]:
        shutil.rmtree(path / folder)
    assert say("stats", "--root", path)[:2] == (0, "toy: no stage has run yet\n")
    assert say("verify", "--root", path)[0] == 0
    assert say("status", "--root", path)[0] == 0
    assert say("sample", "--root", path)[0] == 0
    assert say("why", "file://0.txt#1", "--root", path)[0] == 1
    quick(recipe(tmp_path))
    assert data(say("stats", "--root", path, "--json"))["balanced"]


def test_spans_as_json(say: Say, tmp_path: Path) -> None:
    """What repeats, with how often and on which hosts."""
    write_inputs(tmp_path / "in", [["one two three four five", "six one two three four"]])
    quick(pipeline(tmp_path, steps(LineSource(), Substring(unit="words", min_tokens=4, min_chars=0))))
    found = data(say("spans", "--root", tmp_path / "root", "--json"))
    assert (found["spans"], found["distinct"]) == (2, 1)
    (most,) = found["most"]
    assert (most["copies"], sum(most["hosts"].values()), most["text"]) == (2, 2, "one two three four")


def test_a_unit_agrees_with_its_value() -> None:
    """One word, none or two words; the unit is left out where it is the name of the metric."""
    named = [("stop_words", 0), ("stop_words", 1), ("stop_words", 2), ("words", 1)]
    metrics = tuple(MetricValue(name, value, "words", ()) for name, value in named)
    reported = ["stop_words 0 words", "stop_words 1 word", "stop_words 2 words", "words 1"]
    assert metric_texts(StageOutcome("kept", "", (), "", metrics, ())) == reported
    assert cut_lines([Cut(3, 1, "why", "x", 3, 1)]) == ["cut at 3, 1 byte (1 character), why: x"]
