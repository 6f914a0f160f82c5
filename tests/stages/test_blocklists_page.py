"""docs/blocklists.md shows what a blocklist accepts, and what each entry means, as the stage ``url`` has it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from refinery.errors import AssetError
from refinery.stages._url.blocklist import canonical_entry
from refinery.stages.url import Url
from tests.conftest import REPOSITORY
from tests.stages.test_url import reason

PAGE = (REPOSITORY / "docs" / "blocklists.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[list[str]]]:
    """The rows of the table behind a comment on the page, each cell as the code spans in it."""
    lines = PAGE.partition(f"<!-- tested: {heading}")[2].partition("\n\n")[2].partition("\n\n")[0].splitlines()
    cells = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines[2:]]
    return [[re.findall(r"`([^`]+)`", cell.replace("\\|", "|")) for cell in row] for row in cells]


def blocking(folder: Path, lines: list[str]) -> Url:
    """The stage with these lines as its only blocklist."""
    path = folder / "list.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return Url(blocklists=(str(path),), curated=False)


@pytest.mark.parametrize(("entry", "blocks", "spares"), rows("each entry"), ids=str)
def test_an_entry_blocks_what_the_page_says(
    tmp_path: Path, entry: list[str], blocks: list[str], spares: list[str]
) -> None:
    """Each form of an entry, with URLs that it blocks and URLs that it does not."""
    stage = blocking(tmp_path, entry)
    assert {reason(stage, url) for url in blocks} <= {"blocked_domain", "blocked_url"}
    assert {reason(stage, url) for url in spares} == {None}


@pytest.mark.parametrize(("line", "fixed"), [(row[0], row[2]) for row in rows("each of these")], ids=str)
def test_what_the_page_calls_no_entry_is_refused(tmp_path: Path, line: list[str], fixed: list[str]) -> None:
    """Forms of other tools' lists; where the page says what to write, that is an entry."""
    with pytest.raises(AssetError, match="is not a domain or URL"):
        reason(blocking(tmp_path, line), "http://other.example/")
    assert all(canonical_entry(entry) for entry in fixed)


def test_the_example_of_a_list_is_one(tmp_path: Path) -> None:
    """Its comments are no entries, and each entry blocks its own address."""
    (example,) = re.findall(r"```text\n(# domains.*?)```", PAGE, re.DOTALL)
    entries = [line.partition("#")[0].strip() for line in example.splitlines()]
    stage = blocking(tmp_path, example.splitlines())
    assert {reason(stage, f"https://{entry}") for entry in entries if entry} == {"blocked_domain", "blocked_url"}
