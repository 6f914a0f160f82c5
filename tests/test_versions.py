"""The policy of docs/versions.md, where code decides it; another format is in tests/engine/test_refused.py."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from refinery.identity import FORMAT
from refinery.root.manifests import Head, StageManifest
from refinery.root.receipts import Receipt
from tests.conftest import REPOSITORY

REQUIRED: dict[Any, set[str]] = {
    Head: {"code", "dataset", "folders", "format", "manifests", "recipe"},
    StageManifest: {
        "configuration",
        "expected",
        "identity",
        "kind",
        "libraries",
        "measure",
        "parts",
        "shuffle",
        "stage",
        "statistics",
        "version",
    },
    Receipt: {"contents", "files", "inputs", "key", "kind", "part", "rows", "stage"},
}
"""The fields that each record of the format has. A new field needs a default, or ``FORMAT`` a new number."""


@pytest.mark.parametrize("record", REQUIRED, ids=lambda record: record.__name__)
def test_roots_of_older_versions_of_the_format_are_read(record: Any) -> None:
    """Since they were written, records have got no field that they must have."""
    required = (
        {field.name for field in msgspec.structs.fields(record) if field.required}
        if record is Receipt
        else {name for name, field in record.model_fields.items() if field.is_required()}
    )
    assert required == REQUIRED[record]


def test_the_page_names_the_format() -> None:
    """A new one is a change that the page and the changelog speak of."""
    text = (REPOSITORY / "docs" / "versions.md").read_text(encoding="utf-8")
    assert f"it is {FORMAT}. " in text


def test_the_changelog_begins_with_what_is_not_released() -> None:
    """Its newest section takes the lines of the next version."""
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.split("\n## ")[1].startswith(("Unreleased", "0."))
