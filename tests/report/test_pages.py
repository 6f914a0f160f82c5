"""The pages of a root: their numbers are those of everything else, whatever was crawled, and a browser shows them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.inspect.counts import read_counts
from refinery.report import Built, build
from refinery.report.curves import curve
from refinery.report.frame import environment
from refinery.root.statistics import MetricCounts
from refinery.stage.rules import Rule, Scale
from refinery.stages.minhash import MinHash
from refinery.statistics.measures import bins, edges
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource

# ------------------------------------------------------------------------------------------------------------- numbers


class Counts(HTMLParser):
    """The numbers that cells are marked with."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the attributes of a marked cell."""
        if tag == "td" and any(name == "data-count" for name, _ in attrs):
            self.found.append(dict(attrs))


def test_numbers_agree(hostile: Path, pages: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Funnel, stage pages, `stats --json` and a count over the Parquet are the same."""
    assert execute(["stats", "--root", str(hostile), "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)["stages"]
    kept = [stage["documents"]["kept"] for stage in reported]
    sizes = [stage[unit]["kept"] for unit in ("tokens", "bytes") for stage in reported]
    assert [int(one["data-count"] or 0) for one in Counts(pages["index.html"]).found] == [*kept, *sizes]
    for number, stage in enumerate(reported):
        folder = hostile / f"{number:02d}-{stage['name']}"
        (counted,) = duckdb.sql(f"select count(*), sum(tokens) from '{folder}/kept/*.parquet'").fetchall()
        assert counted == (stage["documents"]["kept"], stage["tokens"]["kept"])
        query = f"select why.rule, count(*) from '{folder}/removed/*.parquet' group by 1"
        rules = dict(duckdb.sql(query).fetchall())
        page = pages[f"stage-{number:02d}-{stage['name']}.html"]
        shown = {one["data-rule"]: int(one["data-count"] or 0) for one in Counts(page).found}
        assert {rule: count for rule, count in shown.items() if count and rule != "comment"} == rules
        assert {rule: count for rule, count in shown.items() if count} == stage["reasons"]


def reported(capsys: pytest.CaptureFixture[str], root: Path) -> dict[str, Any]:
    """What `stats --json` says."""
    assert execute(["stats", "--root", str(root), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_roots_stand_side_by_side(
    hostile: Path, other: Path, pages: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Stage by stage and reason by reason what `stats --json` says of each, as many columns as there are roots."""
    roots = [reported(capsys, root)["stages"] for root in (hostile, hostile, other)]
    rows = [
        tuple(int(one["data-count"] or 0) for one in group) for group in by_three(Counts(pages["compare.html"]).found)
    ]
    documents = [tuple(root[n]["documents"]["kept"] for root in roots) for n in range(len(roots[0]))]
    tokens = [tuple(root[n]["tokens"]["kept"] for root in roots) for n in range(len(roots[0]))]
    assert rows[: len(documents) + len(tokens)] == documents + tokens
    names = {(s["name"], rule) for root in roots for s in root[1:] for rule in s["reasons"]}
    reasons = [tuple(s["reasons"].get(rule, 0) for r in roots for s in r if s["name"] == name) for name, rule in names]
    assert sorted(rows[-len(reasons) :]) == sorted(reasons)
    assert documents[-1][0] == documents[-1][1] > documents[-1][2]


def by_three(found: list[dict[str, str | None]]) -> list[list[dict[str, str | None]]]:
    """Cells by the row that they are in."""
    return [found[start : start + 3] for start in range(0, len(found), 3)]


def test_the_audit_is_that_of_the_terminal(
    hostile: Path, pages: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every rule with how many documents it would remove alone."""
    audit = reported(capsys, hostile)["audit"]
    for name, documents, _ in audit["rules"]["any"]:
        row = pages["audit.html"].partition(f">{name}</a></th>")[2].partition("</tr>")[0]
        assert f'<td class="n">{documents}</td>' in row
    assert f"<b>{audit['documents']['in']}</b> documents audited" in pages["audit.html"]


def test_one_of_something_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the pages and the terminal, of a root with a part, a document that is kept, and a cluster."""
    write_inputs(tmp_path / "in", [[" ".join(f"word{n}" for n in range(60))] * 2])
    given_ = pipeline(tmp_path, steps(LineSource(), Length(), MinHash(profile="fineweb")), audit=1)
    quick(given_)
    root = Path(given_.root)
    texts = {name: (root / "report" / name).read_text("utf-8") for name in build(given_.root).files}
    for verb in ("stats -v", "status", "logs", "sample", "clusters", "report", "verify -v", "gc"):
        assert execute([*verb.split(), "--root", given_.root]) == 0
        texts[verb] = capsys.readouterr().out
    assert "1 cluster within one host" in texts["duplicates.html"]
    assert "no stage would remove any" in texts["stats -v"]
    for name, text in texts.items():
        shown = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", "", text, flags=re.DOTALL)
        assert not re.findall(r"(?<![\w.,])1 (?!across)[a-z]+s\b.*", shown), name


def test_what_a_stage_is_likely_to_find_is_drawn(tmp_path: Path) -> None:
    """The curves of the stage's own explanation and what it measured, of a stage that has both."""
    write_inputs(tmp_path / "in", [[" ".join(f"word{n}" for n in range(60)) + f" {end}" for end in ("a", "b", "c")]])
    settings_ = pipeline(tmp_path, steps(LineSource(), MinHash(profile="fineweb")))
    quick(settings_)
    text = (Path(build(settings_.root).folder) / "duplicates.html").read_text("utf-8")
    assert "to their survivor: 2; equal to the survivor:" in text
    chart = text.partition("<figure>")[2].partition("</figure>")[0]
    assert "mark-line" in chart
    assert "mark-rect" in chart
    told_ = MinHash(profile="fineweb").explain()
    (at,) = (place for place, value in enumerate(told_.at) if abs(value - 0.75) < 1e-9)
    assert f'<th scope="row" class="n">0.75</th><td class="n">{100 * told_.curves["fineweb"][at]:.1f}%</td>' in text


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["ratio", "count", "log"]),
    st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=25),
    st.integers(0, 60),
    st.booleans(),
)
def test_what_if_curves_are_what_judging_gives(
    scale: Scale, rows: list[tuple[int, bool]], at: int, upward: bool
) -> None:
    """At every point: the documents that pass the other rules and whose value is on the right side of the threshold."""
    lower = edges(scale)
    values = [(float(lower[place]), other) for place, other in rows]
    threshold = float(lower[at])
    rule = Rule("r", "m", at_least=threshold) if upward else Rule("r", "m", at_most=threshold)

    def passes(value: float, limit: float) -> bool:
        return value >= limit if upward else value < limit  # below an edge is what a bin tells

    counts: dict[str, dict[int, list[int]]] = {"kept": {}, "sole": {}}
    here = int(bins(scale, pa.array([threshold]))[0])
    limit = threshold if upward else float(lower[here])
    for value, other in values:
        group = "kept" if passes(value, limit) else "sole"
        if other:
            continue  # another rule removes it, wherever the threshold stands
        one = counts[group].setdefault(int(bins(scale, pa.array([value]))[0]), [0, 0])
        one[0], one[1] = one[0] + 1, one[1] + 7
    tallies = {group: tuple((place, *pair) for place, pair in sorted(found.items())) for group, found in counts.items()}
    for point in curve(MetricCounts(scale=scale, **tallies), scale, rule):
        expected = sum(passes(value, point.threshold) for value, other in values if not other)
        assert (point.documents, point.tokens) == (expected, 7 * expected)


# ------------------------------------------------------------------------------------------------------------ the files


def test_every_link_leads_to_a_page(pages: dict[str, str]) -> None:
    """Pages name each other only; nothing of a crawl is a link."""
    for name, text in pages.items():
        for target in re.findall(r'(?:href|src)="([^"]*)"', text):
            assert target == "data:," or target.startswith("#") or target.partition("#")[0] in pages, (name, target)


def test_pages_are_small_and_have_no_markup_of_the_crawl(built: Built, pages: dict[str, str]) -> None:
    """Below 2 MB each; one script of our own, no control characters, nothing that turns the writing around."""
    assert max(built.files.values()) < 2_000_000
    for name, text in pages.items():
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]", text), name
        if name.endswith(".html"):
            assert text.count("<script") == 1
            assert 'onerror="' not in text.replace("onerror=&#34;", "")
            assert "<img" not in text


def test_what_is_put_into_a_page_is_escaped() -> None:
    """In every HTML template; only the style and the script, which are files of the package, are taken as they are."""
    made = environment()
    assert callable(made.autoescape)
    assert made.loader is not None
    names = made.list_templates(extensions=["html"])
    assert len(names) > 8
    for name in names:
        assert made.autoescape(name)
        text = made.loader.get_source(made, name)[0]
        assert set(re.findall(r"\{\{([^}]*)\| *safe *\}\}", text)) <= {" style ", " script "}
        assert "autoescape" not in text


def test_the_same_root_gives_the_same_pages(hostile: Path, other: Path, built: Built, tmp_path: Path) -> None:
    """A report can be made anywhere, and again."""
    again = build(str(hostile), str(tmp_path / "again"), [str(hostile), str(other)])
    assert again.files == built.files
    for name in again.files:
        assert (tmp_path / "again" / name).read_bytes() == (Path(built.folder) / name).read_bytes()


def test_a_root_without_stages_has_no_report(tmp_path: Path) -> None:
    """Nor has a folder that is no root."""
    with pytest.raises(UsageError, match="no root"):
        build(str(tmp_path))


def test_examples_open_with_removed_documents(built: Built, pages: dict[str, str], hostile: Path) -> None:
    """Those of the stage that removes most, kept ones last, each with the command that says why."""
    books = read_counts(str(hostile)).stages[1:]
    most = max(books, key=lambda stage: stage.counts.documents["removed"])
    name = f"samples-{most.position:02d}-{most.name}.html"
    assert f'<a href="{name}">Examples</a>' in pages["index.html"]
    reasons = re.findall(r'data-reason="([^"]*)"', pages[name])
    assert "kept" in reasons[1:]
    assert set(reasons[reasons.index("kept") :]) == {"kept"}
    commands = re.findall(r"<code class=\"crawled\">refinery why ([0-9a-f]{32}) --root ([^<]*)</code>", pages[name])
    assert len(commands) == len(reasons)
    assert {root for _, root in commands} == {str(hostile)}
    assert execute(["why", commands[0][0], "--root", str(hostile)]) == 0
    assert 'href="why?' not in "".join(pages.values())


def test_the_menu_has_its_pages_in_groups(pages: dict[str, str]) -> None:
    """Stages, what to look at, comparisons by the roots' names, and the run; every page once."""
    menu = pages["index.html"].partition("<nav")[2].partition("</nav>")[0]
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", menu) == ["Stages", "Inspect", "Compare", "Run"]
    targets = re.findall(r'href="([^"]*)"', menu)
    assert len(targets) == len(set(targets))
    assert {name for name in pages if name.endswith(".html") and not name.startswith("samples-")} <= set(targets)
    for name in ("compare.html", "compare-2.html"):
        assert re.search(r"<th[^>]*>[\w/]*other\d*/root<", pages[name]), name


def test_a_figure_names_the_stage_it_is_of(pages: dict[str, str], hostile: Path) -> None:
    """Documents and tokens kept are those after the last stage."""
    books = read_counts(str(hostile)).stages
    counts, page = books[-1].counts, books[-1].name
    for unit, number in (("documents", counts.documents["kept"]), ("tokens", counts.tokens["kept"])):
        assert re.search(rf"<b>{number:,}</b> {unit} kept after <a [^>]*>{page}</a>", pages["index.html"])


def test_the_card_is_plain(pages: dict[str, str], hostile: Path) -> None:
    """Figures of the last stage, and no markup from anywhere."""
    books = read_counts(str(hostile))
    assert f"{books.stages[-1].counts.documents['kept']} documents" in pages["card.md"]
    assert "<" not in pages["card.md"].replace("1K<n<10K", "").replace("n<1K", "")


# ----------------------------------------------------------------------------------------------------------- a browser
