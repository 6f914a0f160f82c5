"""Stage ``url``: blocklists, words and curated sources see the parts of a URL that they are about, and nothing else."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from publicsuffixlist import PublicSuffixList

from refinery.errors import AssetError
from refinery.kernels import canonical_host, domains, parse_url
from refinery.stage.documents import Docs
from refinery.stages._url import blocklist, ut1, words
from refinery.stages._url.suffixes import suffixes
from refinery.stages.url import CURATED, Url

LIBRARY = PublicSuffixList(only_icann=True)


def measured(stage: Url, *urls: str | None) -> pa.StructArray:
    docs = Docs(pa.RecordBatch.from_pydict({"url": pa.array(urls, pa.string())}))
    values = stage.measure(docs)
    fields = list(stage.metrics_type())
    return pa.StructArray.from_arrays([pa.array(values[f.name], f.type) for f in fields], fields=fields)


def reason(stage: Url, url: str | None) -> str | None:
    metrics = measured(stage, url)
    failed = [rule.id for rule in stage.rules() if rule.violated(metrics.field(rule.metric))[0].as_py()]
    return failed[0] if failed else None


@pytest.fixture
def blocking(tmp_path: Path) -> Any:
    """Make a stage whose only blocklist has the given entries."""

    def make(*entries: str, **fields: Any) -> Url:
        path = tmp_path / "list.txt"
        path.write_text("# a comment\n\n" + "".join(f"{entry}  # why\n" for entry in entries), "utf-8")
        return Url(blocklists=(str(path),), **fields)

    return make


# ---------------------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "host", "page"),
    [
        ("http://example.com", "example.com", "example.com/"),
        ("HTTPS://WWW.Example.COM:443/A/b/?Q=1#top", "example.com", "example.com/A/b/?Q=1"),
        ("http://user:pass@www.example.com:8080/a/", "example.com", "example.com/a"),
        ("http://a@b@example.com/", "example.com", "example.com/"),
        ("http://example.com./x", "example.com", "example.com/x"),
        ("http://www.www.example.com", "www.example.com", "www.example.com/"),
        ("http://www.com/", "www.com", "www.com/"),
        ("http://www2.example.com", "www2.example.com", "www2.example.com/"),
        ("http://Bücher.example/", "xn--bcher-kva.example", "xn--bcher-kva.example/"),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example", "xn--bcher-kva.example/"),
        ("http://例え。テスト/", "xn--r8jz45g.xn--zckzah", "xn--r8jz45g.xn--zckzah/"),
        ("http://faß.example", "xn--fa-hia.example", "xn--fa-hia.example/"),
        ("http://%65xample.com/", "example.com", "example.com/"),
        ("http://192.0.2.7:80/x", "192.0.2.7", "192.0.2.7/x"),
        ("http://[2001:DB8:0:0::1]:80/x", "2001:db8::1", "2001:db8::1/x"),
        ("http:\\\\example.com\\x", "example.com", "example.com/\\x"),
        ("  http://example.com/a b  ", "example.com", "example.com/a b"),
        ("ftp://example.com/x", "example.com", "example.com/x"),
        ("http://a_b.example.com", "a_b.example.com", "a_b.example.com/"),
    ],
)
def test_canonical_host_and_page(url: str, host: str, page: str) -> None:
    """Case, port, user, www., final dot, escapes, IDN spelling and fragment do not change whom a URL names."""
    address = parse_url(url)
    assert (address.host, address.page, address.defect) == (host, page, "none")


@pytest.mark.parametrize(
    ("url", "defect"),
    [
        (None, "missing"),
        ("", "missing"),
        (" \t", "missing"),
        ("example.com/page", "no_scheme"),
        ("mailto:someone@example.com", "no_scheme"),
        ("urn:uuid:1", "no_scheme"),
        ("http://", "no_host"),
        ("http:///path", "no_host"),
        ("http://:80/", "no_host"),
        ("http://user@/", "no_host"),
        ("http://exa mple.com/", "bad_host"),
        ("http://a..b/", "bad_host"),
        ("http://.example.com/", "bad_host"),
        ("http://example.com:80a/", "bad_host"),
        ("http://exam\0ple.com/", "bad_host"),
        ("http://[::1/", "bad_host"),
        ("http://[zz]/", "bad_host"),
        ("http://300.1.1.1/", "bad_host"),
        ("http://" + "a." * 200 + "com/", "bad_host"),
        ("http://" + "é" * 64 + ".com/", "bad_host"),
        ("http://" + "x" * 1_000_000, "bad_host"),
    ],
)
def test_defects(url: str | None, defect: str) -> None:
    """A URL that names no host is bad_url and says in which way; it is never an exception."""
    assert parse_url(url).defect == defect
    assert reason(Url(), url) == "bad_url"


def test_parents_end_at_the_registered_domain() -> None:
    """The host and every parent down to the registered domain are tested, never a public suffix."""
    parents = {
        "a.b.example.co.uk": ("b.example.co.uk", "example.co.uk"),
        "x.blogspot.com": ("blogspot.com",),
        "a.b.any.ck": ("b.any.ck",),
        "a.www.ck": ("www.ck",),
        "co.uk": (),
        "localhost": (),
        "192.0.2.7": (),
        "2001:db8::1": (),
    }
    for host, expected in parents.items():
        assert domains(host, suffixes()) == (host, *expected)


@given(st.sampled_from(sorted(suffixes())), st.lists(st.sampled_from(["a", "www", "com", "city", "kobe"]), max_size=3))
@settings(max_examples=500)
def test_registered_domains_are_those_of_the_library(rule: str, labels: list[str]) -> None:
    """The last of the domains of any host under any public suffix is what ``publicsuffixlist`` calls registered."""
    host = ".".join([*labels, rule.lstrip("!*.")])
    assert domains(host, suffixes())[-1] == (LIBRARY.privatesuffix(host) or host)


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.from_regex(r"[a-z]+://[^/]{0,40}(/.{0,40})?"))
@settings(max_examples=300)
def test_any_text_has_an_address(text: str) -> None:
    """Whatever is in a URL, measuring it raises nothing, and a canonical host is its own canonical form."""
    for url in (text, f"http://{text}", f"http://{text}.example/{text}"):
        measured(Url(), url)
        host = parse_url(url).host
        if ":" not in host:
            once_more = canonical_host(host)
            assert once_more == host or host.startswith("www.")


# --------------------------------------------------------------------------------------------------------- blocklists


@pytest.mark.parametrize(
    "url",
    [
        "http://blocked.example/",
        "http://www.blocked.example/",
        "https://blocked.example:8443/x",
        "http://BLOCKED.Example/",
        "http://blocked.example./",
        "http://user@blocked.example/",
        "http://a.b.blocked.example/",
        "http://www.a.blocked.example:80",
    ],
)
def test_listed_domain(blocking: Any, url: str) -> None:
    """A listed domain is blocked under any spelling, and so are its subdomains."""
    assert reason(blocking("www.Blocked.example"), url) == "blocked_domain"


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("le.com", "http://google.com/"),
        ("ample.com", "http://example.com/"),
        ("example.com", "http://example.com.org/"),
        ("example.com", "http://notexample.com/"),
        ("example.com", "http://other.org/?u=http://example.com/"),
        ("example.com", "http://example.com@other.org/"),
        ("a.example.com", "http://example.com/"),
        ("co.uk", "http://example.co.uk/"),
        ("com", "http://example.com/"),
    ],
)
def test_unlisted_domain(blocking: Any, entry: str, url: str) -> None:
    """Only whole labels down to the registered domain match: no substrings, no public suffixes, no parts of an IP."""
    assert reason(blocking(entry), url) is None


@pytest.mark.parametrize("url", ["http://192.0.2.7:81/a", "http://[2001:db8::0:1]/", "http://bücher.example/"])
def test_listed_addresses_and_idn(blocking: Any, url: str) -> None:
    """IP addresses and international names can be listed, in any of their spellings."""
    assert reason(blocking("192.0.2.7", "[2001:db8::1]", "BÜCHER.example"), url) == "blocked_domain"


def test_listed_page(blocking: Any) -> None:
    """An entry with a path means that page alone: scheme, www., a final slash and the fragment do not matter."""
    stage = blocking("https://example.com/bad/Page")
    assert reason(stage, "http://www.example.com/bad/Page/#x") == "blocked_url"
    for other in ("http://example.com/bad/page", "http://example.com/bad/Page/2", "http://example.com/bad/Page?x=1"):
        assert reason(stage, other) is None


def test_allow_unlists_entries(blocking: Any) -> None:
    """An allowed entry counts as not listed; entries below it still count."""
    stage = blocking("platform.example", "bad.platform.example", allow=("WWW.platform.example",))
    assert reason(stage, "http://good.platform.example/") is None
    assert reason(stage, "http://bad.platform.example/") == "blocked_domain"
    with pytest.raises(ValueError, match="not a domain or URL"):
        Url(allow=("not a domain",))


def test_matched_entries_are_evidence(blocking: Any) -> None:
    """The metrics name the entries that matched, so that a false positive can be unlisted."""
    metrics = measured(blocking("blocked.example", "blocked.example/x"), "http://a.blocked.example/porn/porn/XXX")[
        0
    ].as_py()
    assert metrics["matched"] == ["blocked.example", "hard porn", "hard xxx"]
    assert (metrics["domain"], metrics["page"], metrics["hard"]) == ("listed", "none", 2)


def test_text_list_errors_name_the_line(tmp_path: Path) -> None:
    """A line that is not a domain or URL is an error with file and line, not a silent gap."""
    path = tmp_path / "list.txt"
    path.write_text("good.example\nnot a domain\n")
    with pytest.raises(AssetError, match=r"list\.txt:2: 'not a domain' is not a domain or URL$"):
        blocklist.load(str(path))
    path.write_text("not a domain\nneither this\ngood.example\n")
    with pytest.raises(AssetError, match=r"list\.txt:1: .* \(2 lines are wrong; this is the first\)"):
        blocklist.load(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AssetError, match="UTF-8"):
        blocklist.load(str(path))
    path.write_bytes(b"ARROW1\0\0 but not really")
    with pytest.raises(AssetError, match="not a built blocklist"):
        blocklist.load(str(path))
    other = pa.table({"x": [1]})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, other.schema) as writer:
        writer.write_table(other)
    with pytest.raises(AssetError, match="of this version: the columns are not those of a blocklist"):
        blocklist.load(str(path))


# --------------------------------------------------------------------------------------------------------------- UT1


def archive(path: Path, members: dict[str, str]) -> str:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return str(path)


OFFICIAL = {
    "blacklists/README": "about",
    "blacklists/adult/domains": "one.example\ntwo.example\nWWW.three.example\n",
    "blacklists/adult/urls": "host.example/~a/\nhost.example/B c\n",
    "blacklists/gambling/domains": "two.example\nfour.example\n\n192.0.2.7\n...\n",
    "blacklists/press/domains": "news.example\n",
}


def test_official_tarball(tmp_path: Path) -> None:
    """Of the official archive the ten categories are taken; a domain in two of them counts for the first."""
    target = str(tmp_path / "built.arrow")
    counts = ut1.build(archive(tmp_path / "b.tar.gz", OFFICIAL), target)
    assert counts == {"adult": 4, "gambling": 2, "unreadable": 2}
    built = blocklist.load(target)
    assert len(built) == 6
    assert [built.category(e) for e in ("two.example", "three.example", "host.example/~a", "192.0.2.7")] == [
        *["adult"] * 3,
        "gambling",
    ]
    assert built.category("news.example") is None
    assert reason(Url(blocklists=(target,)), "http://m.three.example/") == "blocked_domain"


def test_wheel_with_flat_lists(tmp_path: Path) -> None:
    """A wheel that carries an archive of plain lists gives the same look-ups, without categories."""
    flat = archive(tmp_path / "url_blacklists.tar.gz", {"urls": "host.example/~a\n", "domains": "one.example\n"})
    wheel = tmp_path / "package.whl"
    with zipfile.ZipFile(wheel, "w") as out:
        out.write(flat, "package/assets/url_blacklists.tar.gz")
    target = str(tmp_path / "built.arrow")
    assert ut1.build(str(wheel), target) == {"listed": 2, "unreadable": 0}
    assert blocklist.load(target).category("host.example/~a") == "listed"


def test_same_source_same_bytes(tmp_path: Path) -> None:
    """The built file depends on nothing but the entries: not on their order, nor on who builds it."""
    lines = OFFICIAL["blacklists/adult/domains"].splitlines()
    turned = OFFICIAL | {"blacklists/adult/domains": "\n".join(reversed(lines))}
    ut1.build(archive(tmp_path / "b.tar.gz", OFFICIAL), str(tmp_path / "a"))
    ut1.build(archive(tmp_path / "c.tar.gz", turned), str(tmp_path / "b"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_wrong_sources(tmp_path: Path) -> None:
    """What holds no lists is an AssetError that says what to give, and nothing is written."""
    whole = Path(archive(tmp_path / "b.tar.gz", OFFICIAL)).read_bytes()
    empty = tmp_path / "empty.whl"
    with zipfile.ZipFile(empty, "w") as out:
        out.writestr("x", "")
    page, cut = tmp_path / "page.html", tmp_path / "cut.tar.gz"
    page.write_text("<html>not found")
    cut.write_bytes(whole[: len(whole) // 2])
    other = archive(tmp_path / "other.tar.gz", {"blacklists/press/domains": "news.example\n"})
    for source in (str(page), str(cut), str(empty), other):
        with pytest.raises(AssetError) as caught:
            ut1.build(source, str(tmp_path / "built"))
        assert "datatrove" in caught.value.hint
    assert not (tmp_path / "built").exists()


@given(st.lists(st.from_regex(r"[a-c]{1,3}(\.[a-c]{1,2}){0,2}(/[a-cé]{0,2})?", fullmatch=True)))
@settings(max_examples=60)
def test_look_up_equals_a_set(entries: list[str]) -> None:
    """A list finds exactly what a Python set holds."""
    codes = pa.array([0] * len(entries), pa.int8())
    listed = blocklist.make(pa.array(entries, pa.large_string()), codes, [blocklist.NO_CATEGORY])
    wanted = set(entries)
    assert len(listed) == len(wanted)
    for probe in [*entries, *(e + "a" for e in entries), *(e[:-1] for e in entries), "", "\U0001f600"]:
        assert (listed.category(probe) is not None) == (probe in wanted)


# -------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://group-sex.example/", "strict_word"),
        ("http://porn.tube.example/", "strict_word"),
        ("http://example.com/free_PORN_1", "strict_word"),
        ("http://example.com/%66reeporn", "strict_word"),
        ("http://example.com/group/sexual-health", None),
        ("http://www.essex-movies.example/sussex-videos/linux-videos", None),
        ("http://example.com/porn", "hard_word"),
        ("http://example.com/PORN.html", "hard_word"),
        ("http://xvideos.example/", "hard_word"),
        ("http://example.com/?q=xxx&a=1", "hard_word"),
        ("http://example.com/a%20xxx%20b", "hard_word"),
        ("http://example.com/pornography-law", None),
        ("http://example.com/xxxiv", None),
        ("http://example.com/sex-education", None),
        ("http://example.com/sex/sex/sex", None),
        ("http://example.com/Sex-webcam", "soft_words"),
        ("http://escort.example.com/webcam", "soft_words"),
        ("http://example.com/webcams-of-essex", None),
        ("http://massachusetts.example/assessment/classic-bass", None),
        ("http://example.com/cockpit-analysis-scunthorpe-cumbria-titanic", None),
    ],
)
def test_words(url: str, expected: str | None) -> None:
    """Strict words match across separators, hard words alone, soft words in twos; none inside innocent words."""
    assert reason(Url(), url) == expected


def test_own_lists_and_limit(tmp_path: Path) -> None:
    """Lists are files that can be replaced, and the number of soft words allowed is a threshold."""
    path = tmp_path / "words.txt"
    path.write_text("ASS\n# none\n\nbrew\n")
    assert words.load(str(path)) == ("ass", "brew")
    stage = Url(hard_words=str(path))
    assert reason(stage, "http://massachusetts.example/brewery") is None
    assert reason(stage, "http://example.com/my-ass") == "hard_word"
    soft = Url(soft_words=str(path), soft_limit=0)
    assert reason(soft, "http://example.com/brew") == "soft_words"
    path.write_text("two words\n")
    with pytest.raises(AssetError, match=r"words\.txt:1"):
        words.load(str(path))


def test_shipped_lists_are_in_order() -> None:
    """The shipped lists are sorted, have no doubles, and no strict word makes a hard or soft one pointless."""
    lists = {}
    for kind in ("strict_words", "hard_words", "soft_words"):
        path = getattr(Url(), kind).path()
        plain = [word for word in words.entries(path) if word]
        assert plain == sorted(set(plain)) == list(words.load(path))
        lists[kind] = plain
    assert not [s for s in lists["strict_words"] if s.startswith("sex") or len(s) < 6]
    assert not set(lists["hard_words"]) & set(lists["soft_words"])
    assert not [(s, w) for s in lists["strict_words"] for w in lists["hard_words"] + lists["soft_words"] if s in w]


def test_a_megabyte_of_url() -> None:
    """A URL of a megabyte is looked up like any other."""
    for filler in ("a", "a-", "%41", "\0", "é", "//", "sex_"):
        assert reason(Url(), "http://example.com/" + filler * (1_000_000 // len(filler)) + "/porn") == "hard_word"


# ------------------------------------------------------------------------------------------------------------ curated


@pytest.mark.parametrize("domain", sorted(CURATED))
def test_curated_sources(domain: str) -> None:
    """Each of the 16 sources is removed with www., subdomains, port and upper case, and no look-alike is."""
    assert len(CURATED) == 16
    for host in (domain, f"www.{domain}", f"en.{domain}", f"old.{domain}:8080", domain.upper()):
        assert reason(Url(), f"https://{host}/a") == "curated_source"
        assert reason(Url(curated=False), f"https://{host}/a") is None
    for host in (f"not{domain}", f"{domain}.example", f"example.com/{domain}"):
        assert reason(Url(), f"https://{host}/a") is None


def test_switch_and_limit_are_thresholds() -> None:
    """Turning curated sources on or off, or moving the limit, measures nothing again."""
    assert Url.roles("threshold") == {"soft_limit", "curated"}


def test_first_reason_follows_the_paper(blocking: Any) -> None:
    """Where several tests fail, the reason is the blocklist before words before curated sources."""
    stage = blocking("wikipedia.org", "wikipedia.org/porn")
    assert reason(stage, "https://wikipedia.org/porn") == "blocked_domain"
    assert reason(blocking("wikipedia.org/porn"), "https://wikipedia.org/porn") == "blocked_url"
    assert reason(Url(), "https://wikipedia.org/group-sex/porn") == "strict_word"
    assert reason(Url(), "https://wikipedia.org/porn") == "hard_word"
