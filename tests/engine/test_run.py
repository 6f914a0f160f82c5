"""Runs as a whole: what is made, what is made again, what is refused, and that nothing depends on how it was done."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from refinery import guard, run as run_module
from refinery.config import Pipeline
from refinery.docs import TEXT, Docs
from refinery.errors import PartFailed, Refused, StorageError, UsageError
from refinery.guard import only_run
from refinery.identity import Content
from refinery.part import Root
from refinery.plan import Selection
from refinery.progress import Silent
from refinery.run import run
from refinery.schema import flows
from refinery.stage import Edit, Edited
from refinery.store import LocalStore
from refinery.tables import read_batches
from tests.engine import toy
from tests.engine.inline import Death, InlineExecutor
from tests.engine.roots import (
    TEXTS,
    Held,
    all_files,
    all_kinds,
    pipeline,
    quick,
    steps,
    visible,
    write_inputs,
)
from tests.engine.toy import Gather, Length, LineSource, Same, Upper


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the toy inputs in ``in``."""
    write_inputs(tmp_path / "in")
    return tmp_path


def measured(log: Path) -> int:
    """How many batches ``Length(log=…)`` measured."""
    return len(log.read_text().splitlines()) if log.exists() else 0


# -------------------------------------------------------------------------------------------------- a run and its rows


def test_a_run_gives_what_the_stages_say(folder: Path) -> None:
    """Every line has its fate: kept rows go on in order, removed ones have the reason, comments are counted."""
    report = quick(pipeline(folder))
    assert (report.complete, report.failures, report.blocked) == (True, (), "")
    held = Held(folder / "root")
    assert list(held.manifests) == ["00-lines-of-text", "01-words", "02-upper", "03-same", "04-gather"]
    words = [t for texts in TEXTS for t in texts if len(t.split()) > 1 and t[0] != "#" and t[:2] not in {"12", "po"}]
    assert held.texts("01-words") == words
    assert held.texts("02-upper") == [text.upper() for text in words]
    assert held.texts("04-gather") == held.texts("03-same") == list(dict.fromkeys(t.upper() for t in words))[:0] + held.texts("03-same")
    assert sorted(held.texts("03-same")) == sorted({text.upper() for text in words})
    assert held.reasons("00-lines-of-text") == {"0.txt:3": "empty"}
    assert held.reasons("01-words") == {"0.txt:2": "short", "0.txt:5": "digits", "2.txt:3": "short", "2.txt:5": "error"}
    assert set(held.reasons("03-same").values()) == {"duplicate"}
    first = held.statistics()["00-lines-of-text"]
    assert first["reasons"] == {"comment": 3, "empty": 1}
    assert first["documents"]["in"] == sum(len(texts) for texts in TEXTS)
    assert held.balanced()
