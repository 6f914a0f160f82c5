"""The stage ``rights``: statements in headers and pages, and text that only looks like a statement."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from refinery.stages._rights.directives import from_header
from refinery.stages._rights.licences import by_address, by_name
from refinery.stages._rights.summary import section, summaries
from refinery.stages.rights import Rights
from refinery.testing import documents
from tests.stages.verdicts import edited

URL = "https://example.org/a/page.html"
BY = "https://creativecommons.org/licenses/by/4.0/"
SA = "https://creativecommons.org/licenses/by-sa/3.0/de/deed.en"


def stated(page: str, header: str | None = None, stage: Rights | None = None) -> dict[str, Any]:
    """The metrics and evidence of a page whose header has these fields."""
    noted = pa.array([{"rights": header}], pa.struct([("rights", pa.string())]))
    columns = {"url": pa.array([URL]), "html": pa.array([page]), "warc_metrics": noted}
    found = edited(stage or Rights(), documents([""]).with_columns(columns)).metrics
    return {name: pa.array(values)[0].as_py() for name, values in found.items()}


def licence(page: str) -> tuple[str | None, str]:
    """The id of the licence, and what it is for."""
    found = stated(page)
    return found["licence_id"], found["covers"]


def body(inner: str) -> str:
    return f"<html><head><title>t</title></head><body>{inner}</body></html>"


def test_a_page_without_statements_has_none() -> None:
    """All metrics are null but ``covers``, which is none."""
    found = stated(body("<main><p>robots, noai, license, creativecommons.org/licenses/by/4.0/</p></main>"))
    assert found.pop("covers") == "none"
    assert set(found.values()) == {None}


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ("<meta name=robots content=noindex>", {"noindex": "meta"}),
        ("<META NAME='ROBOTS' CONTENT='NOINDEX, NoArchive'/>", {"noindex": "meta", "noarchive": "meta"}),
        ('<meta content="none" name="robots">', {"noindex": "meta"}),
        ('<meta name="robots" content="noai, noimageai">', {"noai": "meta", "noimageai": "meta"}),
        ('<meta name="robots" content="max-snippet:0">', {"nosnippet": "meta"}),
        ('<meta name="robots" content="nosnippet"><meta name="robots" content="index">', {"nosnippet": "meta"}),
        ('<meta name="tdm-reservation" content="1">', {"tdm": 1}),
        ('<meta property="tdm-reservation" content="0">', {"tdm": 0}),
        ("<noscript><meta name=robots content=noindex></noscript>", {"noindex": "meta"}),
        ('<meta name="robots" content="index, follow, max-snippet:-1, all">', {}),
        ('<meta name="robots" content="noodp, max-snippet:160, noimageindex, unavailable_after:2025-01-01">', {}),
        ('<meta name="googlebot" content="noindex"><meta name="robotsx" content="noai">', {}),
        ('<meta name="description" content="noindex, noai: robots">', {}),
        ('<meta name="tdm-reservation" content="yes">', {}),
        ('<meta http-equiv="robots" content="noindex">', {}),
        ("<meta name=“robots” content=“noindex”>", {}),
    ],
)
def test_directives_of_meta_elements(meta: str, expected: dict[str, Any]) -> None:
    """Only elements for all crawlers count, in any case and with any quotes."""
    found = stated(f"<html><head>{meta}</head><body><p>x</p></body></html>")
    names = ("noindex", "noarchive", "nosnippet", "noai", "noimageai", "tdm", "train_ai")
    assert {name: found[name] for name in names if found[name] is not None} == expected


@pytest.mark.parametrize("quoted", ["<pre>{}</pre>", "<blockquote><p>{}</p></blockquote>", "<code>{}</code>"])
@pytest.mark.parametrize("hidden", ["{}", "<!-- {} -->"])
def test_quoted_tags_state_nothing(quoted: str, hidden: str) -> None:
    """Tags in quotations, in code and in comments are about something else."""
    tags = f'<meta name="robots" content="noindex"><meta name="tdm-reservation" content="1"><link rel="license" href="{BY}">'
    found = stated(body(quoted.format(hidden.format(tags))))
    assert (found["noindex"], found["tdm"], found["covers"]) == (None, None, "none")


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- {} -->",
        "<script>document.write('{}')</script>",
        "<textarea>{}</textarea>",
        "<template>{}</template>",
        "<svg><metadata>{}</metadata></svg>",
        "<title>{}</title>",
        "<style>/* {} */</style>",
        "<iframe>{}</iframe>",
        "&lt;!-- escaped --&gt; {}",
        "<p title='{}'>x</p>",
    ],
)
def test_tags_that_are_no_markup_state_nothing(hidden: str) -> None:
    """Comments, scripts, raw text, templates, drawings, escaped text and values of attributes have no tags."""
    tags = f'<meta name="robots" content="noindex"><a rel="license" href="{BY}">This work</a>'
    tags = tags.replace("<", "&lt;") if "escaped" in hidden else tags
    found = stated(body(hidden.format(tags)))
    assert (found["noindex"], found["covers"]) == (None, "none")


def test_directives_of_the_header() -> None:
    """Those of a named crawler are evidence alone, and a source is named; both says that header and page agree."""
    found = stated(
        "<meta name=robots content=noindex>", "x-robots-tag: noindex, noai\nx-robots-tag: otherbot: noarchive"
    )
    assert (found["noindex"], found["noai"], found["noarchive"]) == ("both", "header", None)
    assert found["directives"] == ["header: noindex", "header: noai", "header: otherbot: noarchive", "meta: noindex"]


def test_a_date_in_the_header_names_no_crawler() -> None:
    """The colon of a directive's value is no name's."""
    assert [str(one) for one in from_header("unavailable_after: 25 Jun 2010 15:00:00 PST, noarchive")][
        -1
    ] == "header: noarchive"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("content-usage: train-ai=n", "no"),
        ("content-usage: search=y, train-ai=y", "yes"),
        ("content-signal: search=yes, ai-train=no", "no"),
        ("content-signal: search=no", None),
        ("content-usage: train-ai=y\ncontent-signal: ai-train=no", "no"),
    ],
)
def test_preferences_of_the_header(header: str, expected: str | None) -> None:
    """Both fields are read; no counts more than yes."""
    assert stated("", header)["train_ai"] == expected


def test_policies_are_absolute_addresses() -> None:
    """A reservation has its policy; the header's comes first."""
    page = '<meta name="tdm-reservation" content="1"><meta name="tdm-policy" content="/tdm.json">'
    assert stated(page)["tdm_policy"] == "https://example.org/tdm.json"
    assert stated(page, "tdm-policy: https://example.org/p.json")["tdm_policy"] == "https://example.org/p.json"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (f'<link rel="license" href="{SA}">', ("CC-BY-SA-3.0-DE", "page")),
        (f'<link rel="copyright" href="{BY}">', ("CC-BY-4.0", "page")),
        (f'<meta name="dcterms.license" content="{BY}">', ("CC-BY-4.0", "page")),
        (f'<p>This work is licensed under a <a rel="license" href="{BY}">licence</a>.</p>', ("CC-BY-4.0", "page")),
        (f'<footer><a rel="license" href="{BY}"><img src="/by.png"></a></footer>', ("CC-BY-4.0", "page")),
        (f'<div><a href="{BY}"><img alt="CC BY"></a><br>This work is licensed …</div>', ("CC-BY-4.0", "page")),
        (f'<footer>© 2024 A. Author. <a href="{BY}">CC BY 4.0</a></footer>', ("CC-BY-4.0", "page")),
        (f'<p>Dieses Blog steht unter einer <a href="{SA}">Lizenz</a></p>', ("CC-BY-SA-3.0-DE", "page")),
        (f'<p>Lizenz: <a href="{BY}">CC BY</a></p>', ("CC-BY-4.0", "page")),
        (f'<aside class="widget"><p>The content of this site is under <a href="{BY}">CC BY</a></p></aside>', ("CC-BY-4.0", "page")),
        (f'<p><span property="cc:license" resource="{BY}">x</span></p>', ("CC-BY-4.0", "page")),
        (f'<p itemscope><a itemprop="license" href="{BY}">x</a></p>', ("CC-BY-4.0", "page")),
        (f'<script type="application/ld+json">{{"@type":"NewsArticle","license":"{BY}"}}</script>', ("CC-BY-4.0", "page")),
        (f'<script type="application/ld+json">{{"@graph":[{{"@type":["WebPage"],"license":{{"@id":"{BY}"}}}}]}}</script>', ("CC-BY-4.0", "page")),
        ('<a rel="license" href="/terms">Our terms</a>', (None, "page")),
        (f'<figure><img src=a.jpg><figcaption>A tree <a rel="license" href="{BY}">CC BY</a></figcaption></figure>', ("CC-BY-4.0", "part")),
        (f'<p>Photo by B. <a href="{BY}">CC BY 4.0</a></p>', ("CC-BY-4.0", "part")),
        (f'<p>Bild: C, <a rel="license" href="{BY}">CC BY 4.0</a></p>', ("CC-BY-4.0", "part")),
        (f'<div class="wp-caption"><p>A tree, <a href="{BY}">CC BY 4.0</a></p></div>', ("CC-BY-4.0", "part")),
        (f'<aside class="widget"><p>This widget is under <a rel="license" href="{BY}">CC BY</a></p></aside>', ("CC-BY-4.0", "part")),
        (f'<p>The code of this page is under <a rel="license" href="{BY}">CC BY</a></p>', ("CC-BY-4.0", "part")),
        (f'<ol class="commentlist"><li><p>My text is under <a rel="license" href="{BY}">CC BY</a></p></ol>', ("CC-BY-4.0", "part")),
        (f'<div about="photo.jpg"><a rel="license" href="{BY}">x</a></div>', ("CC-BY-4.0", "part")),
        (f'<div itemscope itemtype="https://schema.org/ImageObject"><a itemprop="license" href="{BY}">x</a></div>', ("CC-BY-4.0", "part")),
        (f'<script type="application/ld+json">{{"@type":"Article","image":{{"@type":"ImageObject","license":"{BY}"}}}}</script>', ("CC-BY-4.0", "part")),
        (f'<script type="application/ld+json">{{"@type":"Dataset","license":"{BY}"}}</script>', ("CC-BY-4.0", "part")),
        (f'<article><p>In 2013 they chose <a href="{BY}">the new licence</a> and were glad.</p></article>', (None, "unclear")),
        (f'<blockquote><p>This work is licensed under <a rel="license" href="{BY}">CC BY</a></p></blockquote>', (None, "unclear")),
        (f'<footer><p>Text in the namespace X is available under <a href="{BY}">CC BY</a></p></footer>', (None, "unclear")),
        ('<p>See <a href="https://creativecommons.org/licenses/">all licences</a> of <a href="https://creativecommons.org/">CC</a></p>', (None, "none")),
        ('<p>The <a href="https://www.gnu.org/licenses/gpl.html">GPL</a> and the <a href="https://www.gnu.org/copyleft/fdl.html">FDL</a></p>', (None, "none")),
        (f'<p>Share: <a href="https://s.example/?u={BY}">here</a></p>', (None, "none")),
        ('<a rel="item-license" href="#license-1">©</a><span rel="license">x</span><a rel="license" href="#">y</a>', (None, "none")),
        ('<script type="application/ld+json">{"license": "' + BY + '"</script>', (None, "none")),
    ],
)  # fmt: skip
def test_licences(page: str, expected: tuple[str | None, str]) -> None:
    """A licence is for the page only where the page says so; a mention is unclear, and other links are none."""
    assert licence(body(f"<main>{page}</main>" if page[1] != "m" else page)) == expected


def test_the_page_counts_before_its_parts() -> None:
    """All licences are listed; the metric is that for the page."""
    photo = '<p>Photo: D <a href="https://creativecommons.org/publicdomain/zero/1.0/">CC0</a></p>'
    found = stated(body(f'{photo}<footer><a rel="license" href="{BY}">CC BY</a></footer>'))
    assert (found["licence"], found["covers"], found["conflicts"]) == ("CC-BY", "page", None)
    assert [(one["id"], one["covers"]) for one in found["licences"]] == [("CC0-1.0", "part"), ("CC-BY-4.0", "page")]


def test_conflicts_are_said_plainly() -> None:
    """The most restrictive statement counts; of two licences, the one that is stated more formally."""
    page = (
        '<meta name="robots" content="index, noai"><meta name="tdm-reservation" content="0">'
        f'<link rel="license" href="{SA}"><footer><a rel="license" href="{BY}">CC BY</a></footer>'
    )
    found = stated(page, "x-robots-tag: noindex\ntdm-reservation: 1")
    assert (found["noindex"], found["tdm"], found["licence"]) == ("header", 1, "CC-BY-SA")
    assert found["conflicts"] == [
        "robots: noindex (header), index (meta)",
        "tdm: 1 (header), 0 (meta)",
        "licence: CC-BY-SA-3.0-DE (link), CC-BY-4.0 (rel)",
    ]


def test_links_to_terms_for_machines() -> None:
    """RSL in the header, in the page or inline, ai.txt and llms.txt are links and no licences."""
    page = (
        '<link rel="license" type="application/rsl+xml" href="/license.xml"><a href="/ai.txt">AI</a>'
        '<link rel="alternate" href="llms.txt"><a href="https://openai.txt/x">no</a>'
        '<script type="application/rsl+xml"><rsl xmlns="https://rslstandard.org/rsl"></rsl></script>'
    )
    found = stated(page, 'link: <https://example.org/r.xml>; rel="license"; type="application/rsl+xml", </x>; rel=next')
    assert (found["licence"], found["covers"]) == (None, "none")
    assert [(one["kind"], one["url"]) for one in found["links"]] == [
        ("rsl", "https://example.org/r.xml"),
        ("rsl", "https://example.org/license.xml"),
        ("ai.txt", "https://example.org/ai.txt"),
        ("llms.txt", "https://example.org/a/llms.txt"),
        ("rsl", URL),
    ]


def test_a_licence_in_the_header() -> None:
    """A field Link of type license is for the page."""
    found = stated("", f"link: <{BY}>; rel=license")
    assert (found["licence_id"], found["covers"], found["licences"][0]["source"]) == ("CC-BY-4.0", "page", "header")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://creativecommons.org/licenses/by-nd-nc/1.0/", "CC-BY-NC-ND-1.0"),
        ("//www.creativecommons.org/licenses/by-nc-sa/3.0/us/", "CC-BY-NC-SA-3.0-US"),
        ("https://creativecommons.org/licenses/by/4.0/deed.de", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by/3.0/igo/", "CC-BY-3.0-IGO"),
        ("https://creativecommons.org/licenses/by-sa/4.0?ref=chooser-v1", "CC-BY-SA-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/deed.de", "CC-PDM-1.0"),
        ("https://web.archive.org/web/2016/http://creativecommons.org/licenses/by/3.0/de/", "CC-BY-3.0-DE"),
        ("https://www.gnu.org/licenses/fdl-1.3.html", "GFDL-1.3"),
        ("https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/", "OGL-UK-3.0"),
        ("https://creativecommons.org/licenses/", None),
        ("https://creativecommons.org/licenses/by-by/4.0/", None),
        ("https://evil.example/creativecommons.org/licenses/by/4.0/", None),
    ],
)
def test_licences_by_address(url: str, expected: str | None) -> None:
    """Ids have the version and the jurisdiction; the language of a deed is none."""
    found = by_address(url)
    assert (found.id if found else None) == expected


def test_licences_by_name() -> None:
    """A name with a version is as good as an address."""
    found = by_name("Wikipedia:Text_of_the_Creative_Commons_Attribution-ShareAlike_4.0_International_License")
    assert found is not None and found.id == "CC-BY-SA-4.0"
    assert by_name("Attribution is required since 2.0, they say") is None


def test_rules_are_those_of_the_recipe() -> None:
    """Nothing is removed by default; ``remove`` and ``licences`` add rules, which need no page again."""
    assert Rights().rules() == ()
    stage = Rights(remove=("noai", "tdm", "train_ai"), licences=("CC-BY",))
    assert [rule.id for rule in stage.rules()] == ["noai", "tdm", "train_ai", "no_licence", "other_licence"]
    assert Rights.roles("threshold") == {"remove", "licences"}


@pytest.mark.parametrize(
    "page",
    ["<a rel=license href=http://[>x</a>", '<script type="application/ld+json">' + "[" * 9_000 + '"license"]</script>',
     '<a rel="license" href="' + "x" * 9_000, "<a rel=license href=x>" * 999, "<link rel=license href=/y>" * 5_000],
)  # fmt: skip
def test_hostile_pages_end(page: str) -> None:
    """Addresses that are none, deep data, endless tags and thousands of statements are read or ignored."""
    assert stated(page)["covers"] in {"none", "page"}


def test_a_card_states_the_shares() -> None:
    """Each document has one label with all that it states; a card counts it under each of them."""
    column = pa.array(
        [
            {"noai": "meta", "tdm": 1, "licence": "CC-BY", "covers": "page", "train_ai": "yes", "blocked": 0},
            {"noai": "both", "licence": "CC-BY", "covers": "part", "train_ai": "no", "blocked": 2},
            {"covers": "none", "tdm": 0},
        ],
        Rights.metrics_type(),
    )
    labels = summaries(column).to_pylist()
    assert labels == ["licence CC-BY, noai, tdm", "noai, train_ai, blocked", "nothing"]
    text = section(dict.fromkeys(labels, 2))
    assert "| asks not to be used for AI | 4 | 66.67% |\n" in text
    assert "| is under CC-BY | 2 | 33.33% |" in text
    assert section({}) == ""
