"""Looking at documents: what became of one, and samples; and the records of runs."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.errors import StorageError, UsageError
from refinery.inspect.accounts import Account, why
from refinery.inspect.counts import read_counts
from refinery.inspect.lookup import Query
from refinery.inspect.reader import open_root
from refinery.inspect.runs import problems, runs, status
from refinery.inspect.sample_query import SampleQuery
from refinery.inspect.samples import sample
from refinery.kernels import SPANS, undo
from refinery.planner.selection import Selection
from refinery.recipe import from_dict
from refinery.root.root import Root
from refinery.runner.events import silent
from refinery.runner.progress import RunRecorder
from refinery.stage.base import Records
from refinery.stage.rules import Rule
from refinery.store import LocalStore
from tests.engine import toy
from tests.engine.inline import Death
from tests.engine.looked import LINES, Snip, make, recipe
from tests.engine.roots import RootContents, quick
from tests.engine.toy import records


def only(found: Any) -> Account:
    """The one document that was found."""
    (account,) = found.documents
    assert isinstance(account, Account)
    return account


def verdicts(account: Account) -> dict[str, str]:
    """Stage → what is stored, else what it would be, in words."""
    words = {}
    for station in account.stations:
        outcome = station.stored or station.replayed
        prefix = "" if station.stored else "would be "
        words[station.stage] = f"{prefix}{outcome.rule or outcome.verdict}" if outcome else station.note
    return words


# ------------------------------------------------------------------------------------------------------------- finding


@given(st.uuids())
@settings(max_examples=30)
def test_an_id_is_read_in_every_form(value: uuid.UUID) -> None:
    """32 hexadecimal digits, a UUID, and as WARC writes it."""
    for text in (value.hex, str(value), str(value).upper(), f"<urn:uuid:{value}>", f"  {value} "):
        assert Query.parse(text).id == value.bytes


@pytest.mark.parametrize("text", ["x.warc.gz:12", "s3://bucket/x.warc.gz:12", "a:b:12"])
def test_a_pointer_is_all_before_the_last_colon(text: str) -> None:
    """Whatever the path looks like; a port of a URL does no harm, for a URL is looked for as well."""
    assert Query.parse(text).pointer == (text[:-3], 12)
    assert Query.parse("http://a.example").pointer is None
    assert Query.parse("x:99999999999999999999").pointer is None


def test_urls_that_hold_a_text_are_near_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In any case, with or without what is before the host; a text longer than all of them is not looked for."""
    urls = pa.record_batch(
        {"url": pa.array(["http://www.Example.org/a/Page?x=(1", None, "https://ex.org/\u00e9\u4e2d"])}
    )
    assert Query.parse("https://example.org/A/page?x=(1").near(urls) == ["http://www.Example.org/a/Page?x=(1"]
    assert Query.parse("ex.org/\u00c9\u4e2d/").near(urls) == ["https://ex.org/\u00e9\u4e2d"]
    assert Query.parse("example.org/b").near(urls) == []
    monkeypatch.setattr("pyarrow.compute.match_substring", lambda *given, **options: pytest.fail("looked for"))
    assert Query.parse("example.org/" + "a" * 60_000).near(urls) == []


def test_a_document_is_found_by_url_id_and_pointer(root: Path) -> None:
    """All lead to the same account; the archive may be named without its folder."""
    by_url = why(str(root), "file://0.txt#6")
    document = only(by_url).document
    for query in (document.id, f"{document.warc}:6", "0.txt:6"):
        assert why(str(root), query) == by_url


def test_what_is_not_there_is_told_with_urls_like_it(root: Path) -> None:
    """A part of a URL, however it begins or ends, and whatever is typed."""
    for query in ("http://0.txt#6", "0.TXT#6", "https://www.0.txt#6/"):
        found = why(str(root), query)
        assert (found.documents, found.similar_urls) == ((), ("file://0.txt#6",))
    assert why(str(root), "file://9.txt#1") == why(str(root), "\x1b]0;x\x07")
    with pytest.raises(UsageError, match="nothing to look for"):
        why(str(root), " ")


def test_documents_of_one_url_are_told_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crawl may have fetched a page more than once."""

    def dated(path: str, rows: Any, skipped: int) -> Any:
        made = records(path, rows, skipped)
        days = [datetime(2024, 1, 1 + number, tzinfo=UTC) for number, _ in rows]
        return Records(
            {**made.columns, "url": ["http://same.example/"] * len(rows), "date": days}, made.metrics, made.skipped
        )

    monkeypatch.setattr(toy, "records", dated)
    root = make(tmp_path)
    found = [account.document for account in why(str(root), "http://same.example/").documents]
    assert len(found) == read_counts(str(root)).stages[0].counts.documents["in"] - 4
    dates = [one.date or "" for one in found]
    assert dates == sorted(dates, reverse=True)
    assert "" not in dates


# ---------------------------------------------------------------------------------------------------------------- why


def test_every_line_has_the_outcome_that_its_text_says(root: Path) -> None:
    """RootContents against a naive reading of the stages, for each line that is a document."""
    texts: dict[str, str] = {}
    for number, lines in enumerate(LINES):
        for place, line in enumerate(lines):
            found = why(str(root), f"file://{number}.txt#{place}")
            if line.startswith("#"):
                assert not found.documents
                continue
            account = only(found)
            assert account.same, (line, account)
            expected = naive(line)
            stored = {s.stage: s.stored.rule or "kept" for s in account.stations if s.stored}
            survived = stored.pop("same", None)
            assert list(stored.items())[: len(expected)] == expected
            if survived == "kept":
                assert texts.setdefault(line.removesuffix(" end"), line) == line


def naive(line: str) -> list[tuple[str, str]]:
    """What the row stages before the global one say of a line."""
    if not line:
        return [("lines-of-text", "empty")]
    kept = [("lines-of-text", "kept")]
    if "poison" in line:
        return [*kept, ("words", "error")]
    if len(line.split()) < 2:
        return [*kept, ("words", "short")]
    if sum(c.isalpha() for c in line) < len(line) / 2:
        return [*kept, ("words", "digits")]
    kept.append(("words", "kept"))
    return [*kept, ("snip", "kept" if len(line.removesuffix(" end")) >= 8 else "snipped")]


def test_stages_after_a_removal_are_asked_as_well(root: Path) -> None:
    """Row stages are run on the document again; global ones say why they are not."""
    reported = verdicts(only(why(str(root), "file://0.txt#2")))
    assert reported == {
        "lines-of-text": "kept",
        "words": "short",
        "snip": "would be snipped",
        "same": "not reached; needs the whole dataset, so it is not replayed",
        "upper": "would be kept",
        "gather": "would be kept",
    }


def test_values_stand_beside_their_bounds_and_cuts_can_be_undone(root: Path) -> None:
    """The account of a document that was cut: the figure, the rule, and the text that is gone."""
    account = only(why(str(root), "file://0.txt#7"))
    snip = account.stations[2].stored
    assert snip is not None
    (left,) = snip.metrics
    assert (left.name, left.value, left.unit) == ("left", len("tail off"), "characters")
    assert [(rule.rule, rule.threshold, rule.fails) for rule in left.rules] == [("snipped", "≥ 8", False)]
    (cut,) = snip.cut
    assert (cut.offset, cut.length, cut.reason, cut.text) == (8, 4, "end", " end")
    spans = [[{"offset": cut.offset, "length": cut.length, "reason": cut.reason, "text": cut.text}]]
    assert undo(pa.array(["tail off"]), pa.array(spans, SPANS)).to_pylist() == ["tail off end"]


def test_a_replay_after_a_global_stage_goes_on_from_what_it_left(root: Path) -> None:
    """A stage behind it sees the stored text, so its verdict can be compared."""
    account = only(why(str(root), "file://0.txt#0"))
    stations = {station.stage: station for station in account.stations}
    survived = stations["same"].stored
    assert survived is not None
    assert stations["same"].same is None
    assert (stations["upper"].same is True) == (survived.verdict == "kept")


def test_another_verdict_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that changed behind the root's back, or another recipe."""
    pipeline = from_dict({**open_root(str(root)).head.recipe, "pipeline": _with_least(root, 50)}, str(root))
    account = only(why(str(root), "file://0.txt#6", pipeline))
    assert account.same is False
    snip = account.stations[2]
    assert (snip.stored and snip.stored.rule, snip.replayed and snip.replayed.rule) == ("", "snipped")
    assert snip.replayed is not None
    assert snip.replayed.metrics[0].rules[0].threshold == "≥ 50"
    monkeypatch.setattr(Snip, "rules", lambda self: (Rule("snipped", "left", at_least=99),))
    assert only(why(str(root), "file://0.txt#6")).same is False


def _with_least(root: Path, least: int) -> list[dict[str, Any]]:
    steps = open_root(str(root)).head.recipe["pipeline"]
    return [{"snip": {**step["snip"], "least": least}} if "snip" in step else step for step in steps]


def test_an_archive_that_is_gone_is_a_problem_and_no_failure(tmp_path: Path) -> None:
    """Stored outcomes are reported all the same; an archive that moved with the inputs is found."""
    root = make(tmp_path)
    (tmp_path / "in").rename(tmp_path / "moved")
    account = only(why(str(root), "file://0.txt#2"))
    assert account.same is None
    assert "0.txt is not there any more" in account.problem
    assert verdicts(account)["words"] == "short"
    recipe_now = {**open_root(str(root)).head.recipe, "inputs": [str(tmp_path / "moved" / "*.txt")]}
    assert only(why(str(root), "file://0.txt#2", from_dict(recipe_now, str(root)))).same


def test_what_killed_a_worker_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stored verdict stands, and the stages after it are not asked."""

    def die() -> None:
        raise Death(7)

    monkeypatch.setattr(toy, "die", die)
    monkeypatch.setattr("tests.engine.looked.LINES", (["one two three", "a deadly line", "four words are here"],))
    root = make(tmp_path)
    account = only(why(str(root), "file://0.txt#1"))
    words = account.stations[1]
    assert words.stored is not None
    assert (words.stored.rule, words.same) == ("quarantined", True)
    assert account.stations[2].note.startswith("not reached; words cannot be passed: worker ended")
    (one,) = sample(str(root), SampleQuery(rule="quarantined")).documents
    assert one.text == "a deadly line"


def test_a_root_that_keeps_only_the_last_rows_tells_what_it_can(tmp_path: Path) -> None:
    """Stages whose rows are not written are replayed."""
    root = make(tmp_path, write="last")
    reported = verdicts(only(why(str(root), "file://0.txt#6")))
    assert reported["words"] == "would be kept"
    assert reported["gather"] == "kept"
    assert not why(str(root), "file://0.txt#3").documents


def test_the_survivor_of_a_cluster_is_named(root: Path) -> None:
    """Metrics that are ids of documents are followed to who they are."""
    texts: dict[str, set[str]] = {}
    for row in [*RootContents(root).rows("03-same"), *RootContents(root).rows("03-same", "removed")]:
        same = only(why(str(root), row["url"])).stations[3]
        (survivor,) = same.related
        assert survivor.id == row["same"]["survivor"].hex()
        assert (survivor.url == row["url"]) == (row.get("why") is None)
        texts.setdefault(_line(row["url"]).removesuffix(" end"), set()).add(survivor.id)
    assert {len(ids) for ids in texts.values()} == {1}


# ------------------------------------------------------------------------------------------------------------- samples


@pytest.mark.parametrize(
    "wanted",
    [{}, {"side": "removed"}, {"side": "any"}, {"rule": "short"}, {"stage": "words"}, {"metric": "words"}],
)
def test_a_sample_is_the_same_and_grows_at_its_end(root: Path, wanted: dict[str, Any]) -> None:
    """Smaller samples begin larger ones, which end with all that match, each once."""
    samples = [sample(str(root), SampleQuery(**wanted, count=count)) for count in (1, 2, 1_000)]
    assert [len(s.documents) for s in samples[:2]] == [1, 2]
    assert samples[0].documents == samples[1].documents[:1]
    assert samples[1].documents == samples[2].documents[:2]
    everything = samples[2].documents
    assert len(everything) == samples[2].matching == len({(one.document.id, one.stage) for one in everything})


def test_a_sample_of_either_side_is_drawn_from_both(root: Path) -> None:
    """Of a stage, all documents that came to it; of the root, every document once, by its outcome."""
    stages = {stage.name: stage.counts.documents for stage in read_counts(str(root)).stages}
    for name in ("words", "snip", "upper"):
        found = sample(str(root), SampleQuery(stage=name, side="any", count=100))
        assert found.matching == stages[name]["in"]
        removed = [one for one in found.documents if one.outcome.verdict == "removed"]
        assert len(removed) == stages[name]["removed"]
    every = sample(str(root), SampleQuery(side="any", count=100))
    source = read_counts(str(root)).stages[0].counts
    assert every.matching == source.documents["in"] - source.reasons["comment"]
    assert len({one.document.id for one in every.documents}) == every.matching


def test_a_sample_does_not_depend_on_the_order_of_parts(root: Path, tmp_path: Path) -> None:
    """The smallest hashes of ids, wherever they are: the gathered stage has other files than the one before."""
    before = [one.document.id for one in sample(str(root), SampleQuery(stage="upper", count=5)).documents]
    assert [one.document.id for one in sample(str(root), SampleQuery(stage="gather", count=5)).documents] == before


def test_samples_by_rule_are_what_the_books_count(root: Path) -> None:
    """For every reason that has rows."""
    for stage in read_counts(str(root)).stages:
        for rule, count in stage.counts.reasons.items():
            if rule != "comment":
                found = sample(str(root), SampleQuery(stage=stage.name, rule=rule, count=100))
                assert found.matching == count
                assert {one.outcome.rule for one in found.documents} == {rule}


@pytest.mark.parametrize("settings", [{}, {"keep_removed": "text"}, {"write": "last"}])
def test_a_removed_document_is_shown_with_the_text_that_came_to_the_stage(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """From the removed row, the stage before, or the archive: it is the same text."""
    root = make(tmp_path, **settings)
    found = sample(str(root), SampleQuery(side="removed", count=1000)).documents
    assert found
    for one in found:
        line = _line(one.document.url)
        before = line.removesuffix(" end") if one.stage in ("same", "upper", "gather") else line
        assert one.text == before, one


def _line(url: str | None) -> str:
    assert url is not None
    name, _, place = url.removeprefix("file://").partition("#")
    return LINES[int(name[0])][int(place)]


def test_a_metric_range_holds_its_ends(root: Path) -> None:
    """For kept and removed documents, and in the files of a later stage."""
    for side in ("kept", "removed"):
        rows = RootContents(root).rows("01-words", side)
        values = [row["words"]["words"] for row in rows if row["words"] is not None]
        for low, high in ((None, None), (2, 3), (3, None), (None, 2), (99, None)):
            expected = [v for v in values if (low is None or v >= low) and (high is None or v <= high)]
            for metric in ("words", "words.words"):
                found = sample(str(root), SampleQuery(side=side, metric=metric, low=low, high=high, count=100))
                assert sorted(one.outcome.metrics[0].value for one in found.documents) == sorted(expected)
    later = sample(str(root), SampleQuery(stage="upper", metric="words.words", low=4, count=100))
    assert {one.stage for one in later.documents} == {"upper"}
    assert all(len((one.text or "").split()) >= 3 for one in later.documents)


@pytest.mark.parametrize(
    ("wanted", "reported"),
    [
        ({"stage": "nothing"}, "no stage 'nothing'"),
        ({"rule": "shorty"}, "no rule 'shorty'"),
        ({"rule": "short", "stage": "snip"}, "stage 'snip' has no rule 'short'"),
        ({"rule": "short", "side": "kept"}, "no kept document violates"),
        ({"metric": "word"}, "no metric 'word'"),
        ({"metric": "left", "stage": "words"}, "no metric 'left'"),
        ({"metric": "gather.left"}, "no metric 'gather.left'"),
        ({"metric": "role", "low": 1.0}, "is a label"),
        ({"low": 1.0}, "need a metric"),
    ],
)
def test_what_the_root_does_not_have_is_a_usage_error(root: Path, wanted: dict[str, Any], reported: str) -> None:
    """With the name in it."""
    with pytest.raises(UsageError, match=reported):
        sample(str(root), SampleQuery(**wanted))


def test_rows_that_are_not_stored_are_a_usage_error(tmp_path: Path) -> None:
    """And not an empty sample."""
    root = make(tmp_path, keep_removed="counts")
    with pytest.raises(UsageError, match="words has no removed rows stored"):
        sample(str(root), SampleQuery(rule="short"))


def test_a_damaged_file_is_a_storage_error_that_names_it(copy: Path) -> None:
    """As is a lost one, and a lost receipt."""
    path = next(iter(copy.glob("01-words/kept/part-00000-*.parquet")))
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(StorageError, match=path.name):
        sample(str(copy), SampleQuery(stage="words"))
    path.unlink()
    with pytest.raises(StorageError, match=path.name):
        sample(str(copy), SampleQuery(stage="words"))
    next(iter(copy.glob("01-words/receipts/*"))).unlink()
    with pytest.raises(StorageError, match="receipts") as caught:
        sample(str(copy), SampleQuery(stage="words"))
    assert "if a run makes it again now" in caught.value.hint  # one that does takes its receipts away first


# ------------------------------------------------------------------------------------------------------------- history


def put_run(root: Path, name: str, **changes: Any) -> None:
    """A record of a run as ``RunRecorder`` writes it, with some fields changed."""
    folder = root / "runs"
    newest = json.loads(max(folder.glob("*.json")).read_bytes())
    (folder / f"{name}.json").write_text(json.dumps({**newest, **changes}))


def test_the_newest_run_is_told_with_its_stages(root: Path) -> None:
    """As it ended, and how far each stage is made."""
    found = status(str(root))
    assert found.run is not None
    assert (found.run.state, found.run.eta) == ("done", None)
    assert all(stage.complete for stage in found.stages)
    assert [stage.name for stage in found.stages] == [stage.name for stage in read_counts(str(root)).stages]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"pid": os.getpid(), "host": socket.gethostname()}, "running"),
        ({"pid": 2**22 + 1, "host": socket.gethostname()}, "killed"),
        ({"pid": os.getpid(), "host": socket.gethostname(), "started": "2001-01-01T00:00:00Z"}, "killed"),
        ({"pid": 2**22 + 1, "host": "elsewhere"}, "running"),
        ({"pid": 2**22 + 1, "host": socket.gethostname(), "state": "interrupted"}, "interrupted"),
    ],
)
def test_a_run_whose_process_is_gone_was_killed(copy: Path, changes: dict[str, Any], state: str) -> None:
    """Gone, or its number is now another's; of another host only the record tells."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    put_run(copy, "99990101T000000-1", **{"state": "running", "started": now, "ended": None, "updated": now, **changes})
    found = status(str(copy)).run
    assert found is not None
    assert found.state == state


def test_the_time_left_shrinks_while_a_run_is_silent(copy: Path) -> None:
    """The estimate counts from now, and is never negative."""
    now = datetime.now(UTC)
    phase = {"title": "a → b", "tasks": 4, "bytes": 400, "done": 1, "failed": 0, "bytes_done": 100, "documents": 50}
    phase |= {"seconds": 10.0, "eta": 30.0}
    changes = {"state": "running", "pid": os.getpid(), "host": socket.gethostname(), "phases": [phase]}
    for silence, left in ((10, 20), (40, 0)):
        updated = f"{now - timedelta(seconds=silence):%Y-%m-%dT%H:%M:%SZ}"
        put_run(copy, "99990101T000000-1", **changes, started=f"{now:%Y-%m-%dT%H:%M:%SZ}", updated=updated)
        run = status(str(copy)).run
        assert run is not None
        assert run.phase is not None
        assert (run.phase.bytes_per_second, run.phase.documents_per_second) == (10.0, 5.0)
        assert run.eta == pytest.approx(left, abs=5)


def test_what_a_run_record_writes_is_read_back(copy: Path) -> None:
    """Problems of all runs, newest first, with their tracebacks."""
    record = RunRecorder(Root(str(copy), LocalStore()), {"recipe": "r.yaml"}, silent)
    record.problem("first of this run", "Traceback\n  …")
    record.problem("second of this run")
    record.end("failed")
    put_run(copy, "19990101T000000-1", problems=[{"time": "1999-01-01T00:00:00Z", "message": "old", "trace": ""}])
    found = problems(str(copy))
    assert [problem.message for problem in found] == ["second of this run", "first of this run", "old"]
    assert found[1].trace == "Traceback\n  …"
    assert found[2].run == "runs/19990101T000000-1.json"
    newest = status(str(copy)).run
    assert newest is not None
    assert (newest.state, newest.record.command) == ("failed", {"recipe": "r.yaml"})


def test_runs_of_one_second_are_told_newest_first(copy: Path) -> None:
    """However quickly one comes after another."""
    root = Root(str(copy), LocalStore())
    before = len(runs(root))
    for number in range(20):
        RunRecorder(root, {"number": number}, silent).end("done")
    assert [run.record.command.get("number") for run in runs(root)] == [*range(19, -1, -1), *[None] * before]


@pytest.mark.parametrize("read", [status, problems])
def test_a_damaged_record_is_a_storage_error(copy: Path, read: Callable[[str], Any]) -> None:
    """It names the file."""
    (copy / "runs" / "99990101T000000-1.json").write_text("{}")
    with pytest.raises(StorageError, match=r"99990101T000000-1\.json"):
        read(str(copy))


def test_a_root_without_a_run_or_in_the_middle_of_one_has_a_status(tmp_path: Path) -> None:
    """Stages that are not reached yet have no number of parts."""
    make(tmp_path, root="whole")
    quick(recipe(tmp_path, root="half"), Selection(until="snip"))
    for path in (tmp_path / "half" / "runs").iterdir():
        path.unlink()
    found = status(str(tmp_path / "half"))
    assert found.run is None
    assert [(s.done, s.expected) for s in found.stages] == [(5, 5)] * 3 + [(0, None)] * 3
