"""The largest clusters, what is left of domains and languages, and sources that vanish, against naive counts."""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.inspect.clusters import clusters, vanishing_domains
from refinery.recipe import Pipeline
from refinery.stage.base import Edit, Edited
from refinery.stage.documents import TEXT, URL, Docs
from refinery.stage.rules import Metric
from refinery.stages.minhash import MinHash
from refinery.statistics import groups
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource


class Crawled(Edit):
    """The first word is the host, the second the language, the others are the text."""

    name: ClassVar = "crawled"
    version: ClassVar = 1
    adds: ClassVar = (URL, TEXT)
    metrics: ClassVar = (Metric("lang", pa.string(), "label"),)
    language_metric: ClassVar = "lang"

    def edit(self, docs: Docs) -> Edited:
        words = [text.split(" ", 2) for text in docs.texts()]
        numbers = docs.column("offset").to_pylist()
        urls = [f"https://{host}/{number}" for (host, _, _), number in zip(words, numbers, strict=True)]
        return Edited({"url": urls, "text": [text for _, _, text in words]}, {"lang": [lang for _, lang, _ in words]})


def crowd(folder: Path, root: str = "root", **settings: Any) -> Pipeline:
    chosen = steps(LineSource(), Crawled(), MinHash(bands=8, rows=2, ngram=2, unit="words"))
    return pipeline(folder, chosen, root=root, **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One host mirrors a page 120 times, others have few documents; three files."""
    draw = random.Random(1)
    lines = [f"www{i % 3}.mirror.org en the same page again and again" for i in range(120)]
    lines += [
        f"host{draw.randrange(4)}.com {draw.choice(['en', 'de'])} page {draw.randrange(60)} of it" for _ in range(90)
    ]
    draw.shuffle(lines)
    write_inputs(tmp_path / "in", [lines[:70], lines[70:80], lines[80:]])
    return tmp_path


def test_all_is_counted_from_the_rows(folder: Path) -> None:
    """Domains, languages and clusters are those of a naive count over all kept and removed rows."""
    quick(crowd(folder))
    held = RootContents(folder / "root")
    rows = {side: held.rows("02-minhash", side) for side in ("kept", "removed")}
    (found,) = clusters(str(folder / "root"), count=3)
    for reported, name_of in (
        (found.domains, lambda row: ".".join(row["url"].split("/")[2].split(".")[-2:])),
        (found.languages, lambda row: row["crawled"]["lang"]),
    ):
        kept, removed = (Counter(map(name_of, rows[side])) for side in ("kept", "removed"))
        assert {one.name: (one.documents, one.kept) for one in reported} == {
            name: (count, kept[name]) for name, count in (kept + removed).items()
        }
        assert [one.documents for one in reported] == sorted((one.documents for one in reported), reverse=True)
    sizes = Counter(row["minhash"]["survivor"] for row in rows["removed"])
    assert (found.documents, found.kept, found.clusters) == (210, len(rows["kept"]), len(sizes))
    reached = Counter(2 ** int(math.log2(gone + 1)) for gone in sizes.values())
    assert found.sizes == tuple(sorted(reached.items()))
    assert sum(count for _, count in found.sizes) == found.clusters
    for one, (survivor, removed_rows) in zip(
        found.largest, sorted(sizes.items(), key=lambda i: (-i[1], i[0])), strict=False
    ):
        stays = next(row for row in rows["kept"] if row["id"] == survivor)
        gone = [row["url"] for row in rows["removed"] if row["minhash"]["survivor"] == survivor]
        assert (one.survivor, one.size, one.url) == (survivor.hex(), removed_rows + 1, stays["url"])
        assert one.size == stays["minhash"]["size"]
        assert one.hosts == Counter(url.split("/")[2] for url in [stays["url"], *gone])
        assert one.members == sorted(gone)[:6]
    assert len(found.largest) == 3


def test_a_source_that_nearly_vanishes(folder: Path) -> None:
    """Of 120 documents of one domain one is left: rows and statistics report it, and no other domain."""
    quick(crowd(folder))
    (found,) = clusters(str(folder / "root"))
    assert [(one.name, one.documents, one.kept) for one in found.vanishing] == [("mirror.org", 120, 1)]
    reported = {
        stage: [(one.name, one.documents, one.kept) for one in rows]
        for stage, rows in vanishing_domains(str(folder / "root")).items()
    }
    assert reported == {"minhash": [("mirror.org", 120, 1)]}


def test_what_the_terminal_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Clusters, domains and languages as text and as JSON; stats names what nearly vanishes, hostile hosts escaped."""
    with (folder / "in" / "0.txt").open("a") as stream:
        stream.writelines(f"\x1b[31m.evil.org en the same page again and again {i % 2}\n" for i in range(3))
    quick(crowd(folder))
    assert execute(["clusters", "--root", str(folder / "root"), "-n", "2"]) == 0
    reported = capsys.readouterr().out
    assert re.search(r"^minhash: \d+ clusters, \d+ of them within one host; \d+ of 213 documents kept", reported)
    assert re.search(r"12\d × https://\S+  4 hosts: .* and 1 more\n", reported)
    assert re.search(r"almost removed +documents +kept\n +mirror\.org +120 +[01] ", reported)
    assert "more" in reported
    assert "\x1b[31m." not in reported
    assert execute(["clusters", "--root", str(folder / "root"), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["vanishing"][0]["name"] == "mirror.org"
    assert found["languages"][0]["name"] == "en"
    assert found["largest"][0]["size"] == sum(found["largest"][0]["hosts"].values())
    assert execute(["stats", "--root", str(folder / "root")]) == 0
    assert re.search(r"minhash leaves \d of 12\d documents of mirror\.org", capsys.readouterr().out)
    assert execute(["clusters", "--root", str(folder / "root"), "--stage", "crawled"]) == 2


def test_what_statistics_cannot_know_is_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more domains come than are counted by name, what may have been kept of one counts as kept."""
    monkeypatch.setattr(groups, "LIMIT", 30)
    mirror = "mirror.org en the same page again and again"
    others = [f"host{i}.com en a{i} b{j} c{i}-{j} d{i * j}" for i in range(40) for j in range(8)]
    write_inputs(tmp_path / "in", [[mirror] * 110, [*others, *[mirror] * 7]])
    quick(crowd(tmp_path))
    (found,) = clusters(str(tmp_path / "root"))
    assert [one.name for one in found.vanishing] == ["mirror.org"]
    assert not vanishing_domains(str(tmp_path / "root"))["minhash"]
    assert [one.documents for one in vanishing_domains(str(tmp_path / "root"), [0])["minhash"]] == [110]


def test_rows_that_are_not_stored(folder: Path) -> None:
    """Counts of some rows only are refused, and so is a root in which nothing removes duplicates."""
    quick(crowd(folder, keep_removed="counts"))
    with pytest.raises(UsageError, match="not all rows of 'minhash' are stored"):
        clusters(str(folder / "root"))
    with pytest.raises(UsageError, match="stage 'crawled' has no duplicate clusters") as caught:
        clusters(str(folder / "root"), "crawled")
    assert caught.value.hint == "stages of this root with clusters: minhash"
    quick(pipeline(folder, steps(LineSource(), Crawled()), root="other"))
    with pytest.raises(UsageError, match="the finished stages have no duplicate clusters") as caught:
        clusters(str(folder / "other"))
    assert caught.value.hint == "stages of this root with clusters: none"
