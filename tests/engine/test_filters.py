"""Samples by language, domain and URL are the rows that DuckDB selects, alone and with stage, rule and metric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings, strategies as st

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.inspect.filters import Filters
from refinery.inspect.sample_query import SampleQuery
from refinery.inspect.samples import sample
from tests.engine.roots import quick, write_inputs
from tests.engine.test_inspect_groups import LINES, SUFFIX, recipe
from tests.report.test_serve import Client


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished root."""
    folder = tmp_path_factory.mktemp("filters")
    write_inputs(folder / "in", LINES)
    assert quick(recipe(folder)).complete
    return folder / "root"


def like(pattern: str) -> str:
    """The condition of a pattern, in SQL."""
    return f"url ilike '{pattern.replace('*', '%') if '*' in pattern else f'%{pattern}%'}'"


filters = st.fixed_dictionaries(
    {
        "language": st.sampled_from([None, "en", "de", "fr"]),
        "domain": st.sampled_from([None, "site1.co.uk", "site2.co.uk", "SITE3.co.uk", "site.co.uk"]),
        "url": st.sampled_from([None, "/1", "https://WWW.*", "*uk/2", "*site1*.uk/*", "%", "si_e", "\\", "\n"]),
    }
)
where = st.sampled_from(
    [{"stage": "tongue", "side": "any"}, {"stage": "words", "side": "kept"}, {"rule": "foreign"}, {"rule": "short"}]
)


@settings(max_examples=30)
@given(filters, where)
def test_matching_documents_are_those_of_duckdb(root: Path, chosen: dict[str, Any], place: dict[str, Any]) -> None:
    """Whatever is combined: as many match as the same conditions select of the stage's rows."""
    found = sample(str(root), SampleQuery(**place, filters=Filters(**chosen), count=1000))
    stage = {"foreign": "tongue", "short": "words"}.get(place.get("rule", ""), place.get("stage", ""))
    sides = ("removed",) if "rule" in place else ("kept", "removed") if place["side"] == "any" else (place["side"],)
    conditions = ["true"]
    conditions += [f"tongue.lang = '{chosen['language']}'"] if chosen["language"] else []
    conditions += [f"{SUFFIX} = '{chosen['domain'].lower()}'"] if chosen["domain"] else []
    if chosen["url"] in ("%", "si_e", "\\", "\n"):
        conditions.append("false")
    elif chosen["url"]:
        conditions.append(like(chosen["url"]))
    ids = set()
    for side in sides:
        place_ = next(root.glob(f"[0-9][0-9]-{stage}"))
        query = f"select lower(hex(id)) from '{place_}/{side}/*.parquet' where {' and '.join(conditions)}"
        ids |= {one for (one,) in duckdb.execute(query).fetchall()}
    assert {one.document.id for one in found.documents} == ids
    assert found.matching == len(ids)


def test_what_cannot_be_met_is_refused(root: Path) -> None:
    """A language before it is identified, and a host as a domain, are one clear error each."""
    assert sample(str(root), SampleQuery(filters=Filters(language="xx"))).languages == ("en",)
    assert sample(str(root), SampleQuery(filters=Filters(language="en", url="*nowhere*"))).languages == ()
    with pytest.raises(UsageError, match="at pages no language is identified yet") as caught:
        sample(str(root), SampleQuery(stage="pages", filters=Filters(language="en")))
    assert caught.value.hint == "--stage tongue, or a later one"
    with pytest.raises(UsageError, match="is no registered domain") as caught:
        sample(str(root), SampleQuery(filters=Filters(domain="www.site1.co.uk")))
    assert "--domain site1.co.uk" in caught.value.hint
    with pytest.raises(UsageError, match="a URL pattern of 501 characters"):
        sample(str(root), SampleQuery(filters=Filters(url="x" * 501)))
    every = sample(str(root), SampleQuery(side="any", filters=Filters(language="de"), count=1000))
    assert {one.stage for one in every.documents} == {"tongue"}


def test_the_command_line_and_the_page_filter(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``sample`` and ``/documents`` take the filters; the page answers an unmet one with its error."""
    options = ["--removed", "--language", "de", "--domain", "site1.co.uk", "--url", "*//www.*"]
    assert execute(["sample", *options, "--root", str(root), "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert reported["matching"] > 0
    client = Client(root)
    page = client.get("/documents?side=removed&language=de&domain=site1.co.uk&url=*//www.*").text
    assert f" of {reported['matching']} matching" in page
    assert 'name="domain" value="site1.co.uk"' in page
    assert "no registered domain" in client.get("/documents?domain=www.site1.co.uk").text
