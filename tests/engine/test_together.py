"""Several recipes in one run: their roots are those of separate runs, and what they have in common is done once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from msgspec import structs

from refinery.errors import UsageError
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline, Step
from refinery.runner.run import RunReport, run, run_together
from refinery.stage.base import Edit, Edited, Filter
from refinery.stage.documents import LANG, TEXT, Docs
from refinery.stage.fields import threshold
from refinery.stage.rules import Metric, Rule
from refinery.task.document_pass import SourceReader
from tests.engine import toy
from tests.engine.inline import InlineExecutor
from tests.engine.roots import TEXTS, RootContents, pipeline, quick, steps, write_inputs
from tests.engine.test_deaths import DEADLY, die
from tests.engine.test_histories import killed_at
from tests.engine.toy import Gather, Length, LineSource, Same, Upper

MEASURED: list[str] = []
"""The texts that ``Vowels`` measured in this process."""


class Vowels(Filter):
    """Keep texts with enough vowels."""

    name: ClassVar = "vowels"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("vowels", scale="ratio"),)

    least: float = threshold(0.2)
    letters: str = "aeiou"

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("few_vowels", "vowels", at_least=self.least),)

    def measure(self, docs: Docs) -> dict[str, list[float]]:
        MEASURED.extend(docs.texts())
        return {"vowels": [sum(c in self.letters for c in t) / max(1, len(t)) for t in docs.texts()]}


class Tongue(Filter):
    """The language of a text, by its last letter, of which there are ``kinds``."""

    name: ClassVar = "tongue"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("code", pa.string(), "label"),)
    language_metric: ClassVar = "code"

    kinds: int = 2
    drop: str = threshold("")

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("tongue", "code", not_in=(self.drop,)),)

    def measure(self, docs: Docs) -> dict[str, list[str]]:
        return {"code": ["abc"[ord(t[-1]) % self.kinds] if t else "a" for t in docs.texts()]}


class Signed(Edit):
    """Texts that end with their language, where one is known; raises on some."""

    name: ClassVar = "signed"
    version: ClassVar = 1
    uses: ClassVar = (LANG.name,)
    adds: ClassVar = (TEXT,)

    def edit(self, docs: Docs) -> Edited:
        pairs = list(zip(docs.texts(), docs.languages().to_pylist(), strict=True))
        if any(text.startswith("last") for text, _ in pairs):
            raise ValueError("no signature")
        return Edited({"text": [f"{text} {code}" if code else text for text, code in pairs]})


ROW_STAGES = (
    st.builds(Length, min_words=st.integers(1, 3))
    | st.builds(Vowels, least=st.sampled_from([0.1, 0.3]), letters=st.sampled_from(["aeiou", "aeiouAEIOU"]))
    | st.builds(Tongue, kinds=st.integers(2, 3), drop=st.sampled_from(["", "b"]))
    | st.sampled_from([Upper(), Signed()])
)
CHAINS = st.tuples(
    st.lists(ROW_STAGES, max_size=4, unique_by=type), st.sampled_from([(), (Same(),), (Same(), Gather()), (Gather(),)])
)
RECIPES = st.fixed_dictionaries(
    {
        "chain": CHAINS,
        "batch": st.integers(1, 4),
        "write": st.sampled_from(["every", "last"]),
        "keep_removed": st.sampled_from(["metrics", "text", "counts"]),
    }
)


def made(folder: Path, name: str, recipes: Sequence[dict[str, Any]]) -> list[Pipeline]:
    """The recipes as pipelines with their roots below ``folder/name``."""
    return [
        pipeline(
            folder,
            steps(LineSource(), *first, *rest),
            root=f"{name}/{number}",
            **{key: value for key, value in recipe.items() if key != "chain"},
        )
        for number, recipe in enumerate(recipes)
        for first, rest in [recipe["chain"]]
    ]


def together(pipelines: Sequence[Pipeline], **options: Any) -> list[RunReport]:
    """Run the pipelines together in this process."""
    return run_together(pipelines, executor=InlineExecutor(psutil.virtual_memory().total), **options)


def everything(given: Pipeline) -> tuple[Any, ...]:
    """All of a root but for times and memory: contents, statistics, files and receipts."""
    held = RootContents(given.root)
    held.check_files()
    resources: dict[str, Any] = {"seconds": 0.0, "peak_memory": 0, "requests": {}}
    keys = {folder: (*m.parts, *m.shuffle, *m.audit) for folder, m in held.manifests.items()}
    receipts = [structs.replace(r, **resources) for f, parts in keys.items() for r in held.root.receipts(f, parts)]
    return *held.everything(), held.file_bytes(), receipts


@pytest.fixture(scope="module")
def inputs() -> Iterator[Path]:
    """A folder with the toy inputs."""
    with tempfile.TemporaryDirectory() as folder:
        write_inputs(Path(folder) / "in")
        yield Path(folder)


@settings(max_examples=12)
@given(st.lists(RECIPES, min_size=2, max_size=4))
def test_roots_are_those_of_separate_runs(inputs: Path, recipes: list[dict[str, Any]]) -> None:
    """Whatever the recipes have in common: the same files, bytes, statistics and receipts as alone."""
    for name in ("alone", "joint"):
        shutil.rmtree(inputs / name, ignore_errors=True)
    alone, joint = made(inputs, "alone", recipes), made(inputs, "joint", recipes)
    reports = together(joint)
    for one, other, report in zip(alone, joint, reports, strict=True):
        quick(one)
        assert report.complete
        assert everything(one) == everything(other)
    assert [report.tasks for report in together(joint)] == [0] * len(joint)


@settings(max_examples=8)
@given(st.lists(RECIPES, min_size=2, max_size=3), st.integers(0, 60), st.booleans())
def test_a_joint_run_that_is_killed_goes_on(
    inputs: Path, recipes: list[dict[str, Any]], write: int, apart: bool
) -> None:
    """Killed before any write, and run again together or one by one, it leaves the roots of separate runs."""
    for name in ("alone", "joint"):
        shutil.rmtree(inputs / name, ignore_errors=True)
    alone, joint = made(inputs, "alone", recipes), made(inputs, "joint", recipes)
    with killed_at(write):
        together(joint)
    if apart:
        for one in joint:
            quick(one)
    else:
        together(joint)
    for one, other in zip(alone, joint, strict=True):
        quick(one)
        assert everything(one) == everything(other)


# ------------------------------------------------------------------------------------------------------- what is shared


def test_documents_are_measured_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage with other thresholds, behind other filters, measures only documents that no recipe had before."""
    read = []
    batches = SourceReader.batches
    monkeypatch.setattr(
        SourceReader, "batches", lambda self, paths: read.extend(paths) or batches(self, paths), raising=True
    )
    chains = [
        steps(LineSource(), Length(min_words=2), Vowels()),
        steps(LineSource(), Vowels(least=0.1)),
        steps(LineSource(), Tongue(drop="b"), Vowels(least=0.3)),
        steps(LineSource(), Upper(), Vowels()),
    ]
    MEASURED.clear()
    together([pipeline(folder, chain, root=str(number)) for number, chain in enumerate(chains)])
    texts = [text for file in TEXTS for text in file if text and not text.startswith("#")]
    upper = [text.upper() for text in texts]
    assert sorted(MEASURED) == sorted([*texts, *upper])
    assert sorted(Path(path).name for path in read) == ["0.txt", "1.txt", "2.txt"]


def test_seconds_are_those_of_a_run_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a shared result is counted in each recipe that uses it."""
    monkeypatch.setattr(Vowels, "measure", lambda self, docs: toy.rest(0.02) or {"vowels": [0.5] * len(docs)})
    chains = [steps(LineSource(), Vowels(), Gather()), steps(LineSource(), Vowels(least=0.1), Gather())]
    given = [pipeline(folder, chain, root=str(number)) for number, chain in enumerate(chains)]
    together(given)
    for one in given:
        receipts = RootContents(one.root).receipts("01-vowels")
        assert all(receipt.seconds > 0.02 for receipt in receipts if receipt.rows["in"])


# ------------------------------------------------------------------------------------------------- what goes wrong, and how


def test_deaths_are_traced_as_in_a_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that kills one recipe's worker is quarantined there; the others have it."""
    monkeypatch.setattr(toy, "die", die)
    write_inputs(tmp_path / "in", DEADLY)
    chains = [
        steps(LineSource(), Length(), Same()),
        steps(LineSource(), Vowels(), Same()),
        steps(LineSource(), Upper()),
    ]
    for number, chain in enumerate(chains):
        quick(pipeline(tmp_path, chain, root=f"alone{number}"))
    joint = [pipeline(tmp_path, chain, root=f"joint{number}") for number, chain in enumerate(chains)]
    assert all(report.complete for report in together(joint))
    for number, one in enumerate(joint):
        assert everything(one) == everything(one.model_copy(update={"root": str(tmp_path / f"alone{number}")}))


def test_a_broken_stage_fails_its_own_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that fail in one recipe are done in the others."""
    monkeypatch.setattr("refinery.task.output.ALL_FAILED", 1)
    write_inputs(tmp_path / "in", [["last of all", "last of these"], ["one two"]])
    broken = pipeline(tmp_path, steps(LineSource(), Signed()), root="broken")
    sound = pipeline(tmp_path, steps(LineSource(), Length(), Same()), root="sound")
    first, second = together([broken, sound])
    assert not first.failures_allowed
    assert second.complete
    quick(sound.model_copy(update={"root": str(tmp_path / "alone")}))
    assert everything(sound) == everything(sound.model_copy(update={"root": str(tmp_path / "alone")}))


def test_roots_that_have_something_share_the_rest(folder: Path) -> None:
    """A recipe that is complete is left alone, one with other parts missing or other inputs runs beside it."""
    chain = steps(LineSource(), Vowels(), Same())
    first, second = (pipeline(folder, chain, root=root) for root in ("first", "second"))
    third = pipeline(folder, chain, root="third", inputs=(str(folder / "in" / "1.txt"), str(folder / "in" / "2.txt")))
    quick(first)
    quick(second, Selection(parts=(1,)))
    reports = together([first, second, third])
    assert [bool(report.tasks) for report in reports] == [False, True, True]
    assert everything(first) == everything(second.model_copy(update={"root": first.root}))
    assert RootContents(second.root).everything() == RootContents(first.root).everything()
    quick(third.model_copy(update={"root": str(folder / "alone")}))
    assert everything(third) == everything(third.model_copy(update={"root": str(folder / "alone")}))


def test_two_recipes_with_one_root_are_refused(folder: Path) -> None:
    """No root belongs to two recipes."""
    with pytest.raises(UsageError, match="two recipes have the root"):
        together([pipeline(folder), pipeline(folder)])


@pytest.mark.slow
def test_workers_leave_no_trace(folder: Path) -> None:
    """Two worker processes give what this one gives."""
    chains: list[tuple[Step, ...]] = [
        steps(LineSource(), Length(), Upper(), Same(), Gather()),
        steps(LineSource(), Length(min_words=1), Same(), Gather()),
    ]
    given = [pipeline(folder, chain, root=f"joint{number}", workers=2, batch=2) for number, chain in enumerate(chains)]
    assert all(report.complete for report in run_together(given))
    for one in given:
        alone = one.model_copy(update={"root": str(folder / "alone")})
        run(alone)
        assert everything(one) == everything(alone)
        shutil.rmtree(folder / "alone")
