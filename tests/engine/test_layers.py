"""Who may know whom, who opens files, who prints: imports point one way, and exceptions have their reason here."""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import refinery

REPOSITORY = Path(__file__).resolve().parents[2]

LAYERS = (
    ("errors", "formatting"),
    ("html", "kernels", "store"),
    ("assets",),
    ("stage",),
    ("identity",),
    ("recipe", "root"),
    ("statistics",),
    ("task",),
    ("executors", "planner", "testing"),
    ("runner",),
    ("demo", "inspect"),
    ("report", "training"),
    ("cli",),
    ("__main__",),
)
"""The modules and packages of the engine, from the ground up. One may import those in rows above its own, no other."""

NARROW = {
    "kernels": {"errors"},
    "formatting": set(),
    "executors": {"errors", "task"},
    "demo": {"errors", "store"},
    "testing": {"stage", "task"},
}
"""Those that must know less than their layer would let them."""

FOR_STAGES = {"refinery", "kernels"}
"""What stages may import of the engine."""

MADE_OF = {"assets", "errors", "stage", "store"}
"""The modules whose public names a stage is made of."""

OPENS = {
    "refinery.store.local": "it is the store",
    "refinery.store.s3": "it is the store; what it publishes is a temporary file",
    "refinery.store.s3_parts": "an upload reads the temporary file in parts",
    "refinery.store.scratch": "it names those temporary files",
    "refinery.store.file_lock": "a lock is a file",
    "refinery.store.lease": "the kernel tells which machine this is",
    "refinery.executors.local": "the memory that a worker shares with its parent is a file without a name",
    "refinery.root.parquet": "pyarrow writes Parquet to a temporary file that the store named",
    "refinery.task.partitioned": "rows of partitions wait in a temporary file that the store named",
    "refinery.task.sharded": "shards are written to temporary files that the store named",
    "refinery.stages._pii.addresses": "the Public Suffix List is part of a package",
    "refinery.stages.pii": "a key is read from the path of its asset",
    "refinery.root.input_lists": "Parquet is written to memory; the store puts it",
    "refinery.stages._formats.parquet": "pyarrow writes Parquet to an output that the engine opened",
    "refinery.task.commit": "what the kernel says of this process",
    "refinery.assets": "assets are local files beside the data, some inside installed packages",
    "refinery.inspect.calibrated": "stages read the words of a sample's half from a temporary folder",
    "refinery.identity": "the code digest reads Python sources",
    "refinery.kernels.choice": "the sources of a checkout are held against the extension",
    "refinery.kernels.native_extract": "the extractor's weights are part of the package",
    "refinery.kernels.reference.dictionaries": "dictionaries are part of the package",
    "refinery.kernels.reference.bpe": "a vocabulary is read from the path of its asset",
    "refinery.kernels.reference.langid": "a model is read from the path of its asset",
    "refinery.kernels.reference.fasttext_file": "a model is read from the path of its asset",
    "refinery.kernels.reference.textmodel": "a model is read from the path of its asset",
    "refinery.kernels.reference.letters": "the counts of letters are part of the package",
    "refinery.kernels.reference.plain": "the words of numbers are part of the package",
    "refinery.kernels.reference.unicode_words": "the classes of characters are part of the package",
    "refinery.cli": "a standard stream that was closed becomes the null device",
    "refinery.cli._telemetry": "a log is outside of roots, and appended to",
    "refinery.cli.init": "the starter recipe is part of the package",
    "refinery.cli._errors": "the traceback of an internal error needs a place even where no root is",
    "refinery.training.fasttext_kind": "the package that trains reads and writes files by their paths",
    "refinery.training.training": "a model is measured by its readers, which take paths",
    "refinery.report.frame": "templates are part of the package",
    "refinery.report.view": "the figures of RefinedWeb are part of the package",
    "refinery.demo.prose": "word lists are part of the package",
    "refinery.stages._formats.tokenizing": "GPT-2's merge list is read from the path of its asset",
    "refinery.stages._codes": "the list of languages is part of the package",
    "refinery.stages._languages": "the table of languages is part of the package, or a folder of one's own",
    "refinery.stages._c4.bad_words": "its assets",
    "refinery.stages.wds": "its asset",
    "refinery.stages.decontaminate": "patterns of the paths of its assets",
    "refinery.stages._phrases": "phrases are part of the package, or an asset",
    "refinery.stages._rights.cover": "words around licences are part of the package",
    "refinery.stages._rights.robots": "its asset",
    "refinery.stages._url.blocklist": "its asset",
    "refinery.stages._url.suffixes": "the public suffix list is part of an installed package",
    "refinery.stages._url.words": "its asset",
    "refinery.stages._url.ut1": "builds an asset from an archive that was downloaded",
}
"""The modules that open files or change folders, and why."""

CATCHES_ALL = {
    "refinery.task.step": "what a stage raises on a document is the document's reason",
    "refinery.task.document_pass": "what a source raises on a record costs that record",
    "refinery.executors.worker": "a worker reports every failure; the parent decides",
    "refinery.store.local": "a half-written temporary file is removed however the write ended",
    "refinery.store.s3_parts": "an upload is aborted however it ended",
    "refinery.cli._errors": "a defect ends in one line and an exit code",
    "refinery.stages._formats.tokenizing": "the package tokenizers raises Exception for a file that is no tokenizer",
}
"""The modules that catch ``Exception`` or more, and why."""

FILE_CALLS = {
    "open", "os.open", "os.remove", "os.unlink", "os.replace", "os.rename", "os.makedirs", "os.mkdir", "os.rmdir",
    "os.scandir", "os.listdir", "os.walk", "glob.glob", "shutil.rmtree", "shutil.copy", "shutil.copyfile", "shutil.move",
    "tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.TemporaryDirectory", "tempfile.NamedTemporaryFile",
    "tempfile.TemporaryFile", "pq.ParquetWriter", "pq.write_table", "pa.memory_map", "pa.OSFile", "tarfile.open",
    "zipfile.ZipFile", "resources.files", "Path", "pathlib.Path",
}  # fmt: skip
"""Calls that reach into a file system, as they are written."""

EXTENSION = "refinery.kernels._native"
"""The module that is written in Rust."""

PRINTS = {"print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write", "Console"}


PACKAGE = "refinery.stages"
"""The package of the stages: the folder stages, in the engine's namespace, not a part of the engine."""


def sources() -> Iterator[tuple[str, Path]]:
    """Every module of the engine and of the stages, and its file."""
    for folder, package in (("refinery", "refinery"), ("stages", PACKAGE)):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):  # does not follow the link refinery/stages
            parts = path.relative_to(REPOSITORY / folder).with_suffix("").parts
            yield ".".join((package, *parts)).removesuffix(".__init__"), path


@cache
def modules() -> dict[str, ast.Module]:
    """Return the syntax trees of all modules by name."""
    return {name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in sources()}


def imported(name: str) -> set[str]:
    """The modules that a module imports anywhere, for types as well: our own as exactly as possible."""
    found = set()
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: relative imports hide what is imported"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {one if one in modules() or one == EXTENSION else str(node.module) for one in full}
    return found


def calls(name: str) -> Iterator[str]:
    """Everything that a module calls, as it is written: ``os.open``."""
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def unit(name: str) -> str:
    """The engine's module or package of a dotted name: ``config`` of ``refinery.recipe.build``; "" for others."""
    if name == PACKAGE or name.startswith(f"{PACKAGE}."):
        return ""
    head, _, rest = name.partition(".")
    return (rest.partition(".")[0] or "refinery") if head == "refinery" else ""


STAGES = [name for name, _ in sources() if name.startswith(f"{PACKAGE}.")]
ENGINE = [name for name, _ in sources() if name.startswith("refinery.") and name not in {PACKAGE, *STAGES}]


def test_every_module_has_a_layer() -> None:
    """A new module of the engine is given its place in ``LAYERS``, and one that is gone loses it."""
    placed = [one for layer in LAYERS for one in layer]
    assert sorted(placed) == sorted({unit(name) for name in ENGINE})


def test_the_table_of_layers_is_true() -> None:
    """The rows of the table in docs/architecture.md are the layers from above, several to a row."""
    text = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8").partition("| layer |")[2]
    rows = [set(re.findall(r"`(\w+)/?`", line)) for line in text.partition("\n\n")[0].splitlines()[2:]]
    above = list(reversed(LAYERS))
    for row in rows:
        named: set[str] = set()
        while named < row:
            named |= set(above.pop(0))
        assert named == row
    assert above == []


@pytest.mark.parametrize("name", ENGINE)
def test_imports_point_down(name: str) -> None:
    """A module of the engine imports lower layers only, never a stage, and never the package that names them all."""
    height = {one: number for number, layer in enumerate(LAYERS) for one in layer}
    own = unit(name)
    known = {unit(other) for other in imported(name)} - {"", own}
    assert known <= NARROW.get(own, set(height))
    assert not [other for other in known if height[other] >= height[own]]
    assert not [other for other in imported(name) if other.partition(".")[0] in {"stages", "tools", "tests"}]
    assert not [other for other in imported(name) if f"{other}.".startswith(f"{PACKAGE}.")]


def test_no_modules_import_each_other() -> None:
    """Modules can be read in an order in which each imports only those before it."""
    graph = {name: (imported(name) & modules().keys()) - {name} for name in modules()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError with the modules of a circle


@pytest.mark.parametrize("name", STAGES)
def test_stages_know_the_public_names_only(name: str) -> None:
    """A stage imports what the engine offers to stages, and what is under ``refinery.stages``: no stage imports another."""
    known = {unit(other) for other in imported(name)} - {""}
    assert known <= FOR_STAGES
    mine = {other for other in imported(name) if other.startswith(f"{PACKAGE}.")}
    assert all(other.split(".")[2].startswith("_") for other in mine)
    assert not [other for other in imported(name) if other.startswith("refinery.kernels.")]


@pytest.mark.parametrize("name", STAGES)
def test_stages_start_nothing(name: str) -> None:
    """Of the public names, a stage imports those it is made of, not those that plan, run or look."""
    nodes = [
        node for node in ast.walk(modules()[name]) if isinstance(node, ast.ImportFrom) and node.module == "refinery"
    ]
    names = {alias.name for node in nodes for alias in node.names} - {"kernels"}
    homes = {unit(getattr(refinery, one).__module__) for one in names if hasattr(getattr(refinery, one), "__module__")}
    assert homes - {""} <= MADE_OF


def test_ray_is_imported_late() -> None:
    """No module imports ray when it is loaded: who does not use it need not have it."""
    early = [name for name, tree in modules().items() for node in tree.body if "ray" in _imported_by(node)]
    assert early == []


def _imported_by(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {str(node.module).partition(".")[0]} if isinstance(node, ast.ImportFrom) else set()


def test_only_these_open_files() -> None:
    """Files are opened by the store and by the modules that ``OPENS`` gives a reason for, all of which still need it."""
    found = {name for name in modules() if FILE_CALLS & set(calls(name))}
    assert found == set(OPENS)


def test_only_the_command_line_prints() -> None:
    """Everything else returns what it has to say, or tells a listener."""
    found = {name for name in modules() if PRINTS & set(calls(name))}
    assert {name for name in found if unit(name) != "cli"} == set()
    screen = {name for name in modules() if {"click", "rich"} & {other.partition(".")[0] for other in imported(name)}}
    assert {name for name in screen if unit(name) != "cli"} == set()


def test_only_these_catch_everything() -> None:
    """``except Exception`` and wider has a reason in ``CATCHES_ALL``, or does not exist."""
    found = {name for name, tree in modules().items() for node in ast.walk(tree) if _catches_all(node)}
    assert found == set(CATCHES_ALL)


def _catches_all(node: ast.AST) -> bool:
    if not isinstance(node, ast.ExceptHandler):
        return False
    if node.type is None:
        return True
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return bool({ast.unparse(kind) for kind in kinds} & {"Exception", "BaseException"})
