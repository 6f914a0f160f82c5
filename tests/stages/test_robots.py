"""Rules of robots.txt files: how a file of them is built from archives, and what the stage ``rights`` does with it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given, strategies as st
from protego import Protego

from refinery.assets import Asset, fetch
from refinery.cli.assets import command
from refinery.errors import AssetError
from refinery.stages._rights.robots import AGENTS, TRAINING, HostRules, host_of, load
from refinery.stages._rights.robots_files import build, reduced
from refinery.stages.rights import Rights
from refinery.testing import documents
from tests.stages.verdicts import edited
from tests.stages.warc.archives import members, raw

OPT_OUT = "User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n\nUser-agent: *\nDisallow: /private/\n"


def response(
    url: str, body: str = OPT_OUT, status: str = "200 OK", date: str = "2024-03-01T12:00:00Z", *, location: str = ""
) -> bytes:
    """A response to a robots.txt as Common Crawl stores it."""
    fields = ["Content-Type: text/plain", *([f"Location: {location}"] if location else []), "", ""]
    block = "\r\n".join([f"HTTP/1.1 {status}", *fields]).encode() + body.encode()
    named = [f"WARC-Target-URI: {url}", f"WARC-Date: {date}", f"Content-Length: {len(block)}"]
    return raw(
        "WARC-Type: response", "WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>", *named, body=block
    )


def built(folder: Path, *responses: bytes) -> str:
    """The path of the rules in an archive of these responses."""
    (folder / "a.warc.gz").write_bytes(members(responses))
    build(str(folder / "a.warc.gz"), str(folder / "robots.arrow"))
    return str(folder / "robots.arrow")


def blocked(path: str, url: str, *agents: str) -> list[str] | None:
    """The agents that may not fetch an address, null where its host is not known."""
    rules = load(path).rules_of(url)
    return None if rules is None else rules.blocked(url, agents or TRAINING)


def test_rules_apply_to_paths_and_named_agents(tmp_path: Path) -> None:
    """An agent with a group of its own has no other; all others have the general one."""
    path = built(tmp_path, response("https://a.example/robots.txt"))
    assert blocked(path, "https://a.example/x") == ["CCBot", "GPTBot"]
    assert blocked(path, "https://a.example/private/x", "ClaudeBot", "CCBot") == ["ClaudeBot", "CCBot"]
    assert blocked(path, "http://A.example:80/x", "ClaudeBot") == []


def test_what_is_not_known_is_null_and_what_is_absent_is_allowed(tmp_path: Path) -> None:
    """Errors and hosts without a response are not known; 404 and 410 are an answer; a page is a file without rules."""
    path = built(
        tmp_path,
        response("https://gone.example/robots.txt", status="404 Not Found"),
        response("https://down.example/robots.txt", status="503 Service Unavailable"),
        response("https://forbidden.example/robots.txt", status="403 Forbidden"),
        response("https://page.example/robots.txt", "<html><body>Disallow: nothing</body></html>"),
        response("https://other.example/index.html"),
    )
    found = {
        host: blocked(path, f"https://{host}.example/x")
        for host in ("gone", "down", "forbidden", "page", "other", "never")
    }
    assert found == {"gone": [], "down": None, "forbidden": None, "page": [], "other": None, "never": None}
    assert blocked(path, "not a url") is None


def test_redirects_lead_to_the_rules(tmp_path: Path) -> None:
    """Within an archive, over hosts and schemes; circles and unknown ends are not known."""
    path = built(
        tmp_path,
        response("http://a.example/robots.txt", "", "301 Moved", location="https://a.example/robots.txt"),
        response("https://a.example/robots.txt", "", "301 Moved", location="//www.a.example/robots.txt"),
        response("https://www.a.example/robots.txt"),
        response("https://b.example/robots.txt", "", "302 Found", location="https://c.example/robots.txt"),
        response("https://c.example/robots.txt", "", "302 Found", location="https://b.example/robots.txt"),
        response("https://d.example/robots.txt", "", "302 Found", location="https://[bad/"),
    )
    assert blocked(path, "http://a.example/x") == ["CCBot", "GPTBot"]
    assert [blocked(path, f"https://{host}.example/") for host in "bcd"] == [None, None, None]


def test_the_latest_file_of_a_host_counts(tmp_path: Path) -> None:
    """Whatever the order of responses and archives, the built file has the same bytes."""
    early = response("https://a.example/robots.txt", date="2024-01-01T00:00:00Z")
    late = response("http://a.example/robots.txt", "User-agent: *\nAllow: /", date="2024-02-01T00:00:00Z")
    other = response("https://b.example/robots.txt", "User-agent: *\nDisallow: /")
    once = Path(built(tmp_path, early, late, other)).read_bytes()
    assert blocked(str(tmp_path / "robots.arrow"), "https://a.example/x") == []
    for number, one in enumerate((other, late, early)):
        (tmp_path / f"{number}.warc").write_bytes(one)
    counts = build(f"{tmp_path}/[0-2].warc", str(tmp_path / "again.arrow"))
    assert (tmp_path / "again.arrow").read_bytes() == once
    assert counts == {"responses": 3, "hosts": 2}


LINES = [
    *("User-agent: GPTBot", "User-agent: *", "user-agent:CCBot # x", "User-Agent: Googlebot", "useragent: claudebot"),
    *(
        "User agent: Google",
        "User-agent ClaudeBot",
        "User-agent: GPTBot*",
        "User-agent:",
        "Disallow: /",
        "Disallow: /a",
    ),
    *(
        "Disallow:",
        "Allow: /a/b",
        "disalow: /x*y$",
        "Allow: /",
        "Crawl-delay: 5",
        "Sitemap: https://x/s.xml",
        "Host: x",
    ),
    *(
        "",
        "# c",
        "Content-Signal: ai-train=no",
        "Noindex: /q",
        "Disallow /",
        "foo bar",
        "License: https://x/l.xml",
        "é: ",
    ),
]


@given(st.lists(st.sampled_from(LINES), max_size=16).map("\n".join))
def test_reduced_files_have_the_same_rules(text: str) -> None:
    """For each agent and address the parser answers as for the whole file, and so do the rules of a host."""
    whole, part, rules = Protego.parse(text), Protego.parse(reduced(text)), HostRules(reduced(text))
    for url in ("https://h/", "https://h/a", "https://h/a/b", "https://h/x/zy", "https://h/q"):
        expected = [agent for agent in AGENTS if not whole.can_fetch(url, agent)]
        assert [agent for agent in AGENTS if not part.can_fetch(url, agent)] == expected
        assert rules.blocked(url, AGENTS) == expected


def test_groups_of_others_are_left_out() -> None:
    """Comments, sitemaps and groups of search engines make a file long, and change nothing."""
    text = f"# hello\nSitemap: https://x/s.xml\nUser-agent: bingbot\nDisallow: /b\n{OPT_OUT}"
    assert (
        reduced(text)
        == "User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\nDisallow:\nUser-agent: *\nDisallow: /private/\nDisallow:"
    )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://WWW.Example.org:443/a", "www.example.org"),
        ("http://example.org:8080/", "example.org:8080"),
        ("https://bücher.example./", "xn--bcher-kva.example"),
        ("ftp://example.org/", None),
        ("https://[::1", None),
        ("", None),
    ],
)
def test_hosts(url: str, host: str | None) -> None:
    """A port counts unless it is the scheme's."""
    assert host_of(url) == host


def test_the_stage_counts_agents_and_reads_preferences(tmp_path: Path) -> None:
    """Preferences of the general group and licences of the file are those of its pages."""
    body = f"License: https://a.example/rsl.xml\n{OPT_OUT}Content-Signal: search=yes, ai-train=no\n"
    path = built(tmp_path, response("https://a.example/robots.txt", body), response("https://b.example/robots.txt", ""))
    urls = ["https://a.example/x", "https://b.example/", "https://c.example/"]
    columns = {"url": pa.array(urls), "html": pa.array(["<p>x</p>"] * 3)}
    stage = Rights(robots=Asset(path), agents=("GPTBot", "ClaudeBot"), remove=("blocked",))
    stage.check_asset("robots", Asset(path))
    found = edited(stage, documents([""] * 3).with_columns(columns)).metrics
    assert [pa.array(found[name]).to_pylist() for name in ("blocked", "blocked_agents", "train_ai")] == [
        [1, 0, None],
        [["GPTBot"], None, None],
        ["no", None, None],
    ]
    assert pa.array(found["links"])[0].as_py() == [{"kind": "rsl", "url": "https://a.example/rsl.xml"}]
    assert [(rule.id, rule.violated(found["blocked"]).to_pylist()) for rule in stage.rules()] == [
        ("blocked", [True, False, False])
    ]


def test_preferences_for_one_agent_or_path_are_not_the_pages() -> None:
    """Only those of the group for all agents, or of no group, without a path."""
    text = "User-agent: GPTBot\nContent-Signal: ai-train=no\nUser-agent: *\nContent-Usage: /x train-ai=n\nContent-Usage: search=y"
    assert HostRules(text).preferences == ["search=y"]


def test_other_files_and_agents_are_refused(tmp_path: Path) -> None:
    """An error names the fix."""
    path = built(tmp_path, response("https://a.example/robots.txt"))
    with pytest.raises(AssetError, match="no rules for MyBot"):
        Rights(robots=Asset(path), agents=("MyBot",)).check_asset("robots", Asset(path))
    (tmp_path / "x.arrow").write_bytes(b"x")
    with pytest.raises(AssetError, match="not a file of robots rules"):
        Rights(robots=Asset(path)).check_asset("robots", Asset(str(tmp_path / "x.arrow")))


def test_the_command_builds_the_asset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name in the folder of assets, or as a file; with a note of its origin."""
    monkeypatch.setenv("REFINERY_ASSETS", str(tmp_path / "assets"))
    built(tmp_path, response("https://a.example/robots.txt"))
    with pytest.raises(AssetError, match="built from archives"):
        fetch("robots")
    with pytest.raises(AssetError, match="missing"):
        Asset("robots").path()
    arguments = ["get", "robots", "--source", f"{tmp_path}/*.warc.gz", "--out", str(tmp_path / "own.arrow"), "--json"]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    note = json.loads((tmp_path / "own.arrow.json").read_text())
    assert (note["counts"], note["source"]) == ({"hosts": 1, "responses": 1}, f"{tmp_path}/*.warc.gz")
    fetch("robots", f"{tmp_path}/a.warc.gz")
    assert Path(Asset("robots").path()).read_bytes() == (tmp_path / "own.arrow").read_bytes()
