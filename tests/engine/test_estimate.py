"""What a run will take is arithmetic on what parts of it took; held against receipts made up, and against a real run."""

from __future__ import annotations

import json
import math
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.planner.cost import Cost, Money, Target, uncertainty, wall
from refinery.planner.estimate import StageEstimate
from refinery.planner.estimator import plan
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline, Prices, parse, recipe_dict
from refinery.root.receipt_sequence import amounts_of
from refinery.root.receipts import FileRef, Kind, Receipt
from refinery.root.root import Root
from refinery.store import LocalStore
from tests.conftest import REPOSITORY
from tests.engine.looked import recipe
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource, Upper


def made_up(seconds: float, kind: Kind = "stage", part: int = 0, **sizes: int) -> Receipt:
    """A receipt of a part, with a file of so many bytes a name."""
    return Receipt(
        kind=kind,
        stage="s",
        part=part,
        key=f"{kind}{part}",
        inputs=(),
        contents={},
        rows={"in": 10, "kept": 7, "text": 700},
        files={name: (FileRef(path=f"{name}/{part}", rows=1, bytes=size),) for name, size in sizes.items()},
        seconds=seconds,
        requests={"get": 5, "put": 2},
    )


# ---------------------------------------------------------------------------------------------------------- arithmetic


def test_a_cost_is_the_sum_of_its_receipts() -> None:
    """Rows of parts alone; bytes, seconds and requests of their shuffle and audit as well."""
    parts = [made_up(2.0, part=n, kept=100, removed=10) for n in range(3)]
    others = [made_up(1.0, "map", n, keys=40) for n in range(3)] + [made_up(5.0, "resolve", verdict=3)]
    cost = Cost.of(3, 900, amounts_of(parts), amounts_of([*others, made_up(0.5, "audit", audit=8)]))
    assert cost == Cost(
        files=3,
        inputs=900,
        seconds=6 + 3 + 5 + 0.5,
        serial=5.0,
        kept=300,
        written=330 + 120 + 3 + 8,
        shuffled=123,
        documents=21,
        text=2100,
        requests={"get": 40, "put": 16},
    )


def test_a_verdict_for_each_part_is_shared_among_workers() -> None:
    """Only one task that is about all parts is not."""
    resolved = [made_up(4.0, "resolve", number) for number in range(2)]
    assert Cost.of(2, 1, amounts_of([made_up(1.0)]), amounts_of(resolved)).serial == 0


def test_a_target_is_so_many_times_what_was_measured() -> None:
    """By bytes where bytes are asked for, by files where files are."""
    cost = Cost(files=4, inputs=2000, seconds=10.0, serial=1.0, written=500, requests={"get": 3})
    assert cost.factor(Target(bytes=10**6)) == 500
    assert cost.factor(Target(files=90_000)) == 22_500
    scaled = cost.times(2.5)
    assert (scaled.files, scaled.inputs, scaled.seconds, scaled.serial) == (10, 5000, 25.0, 2.5)
    assert (scaled.written, scaled.requests) == (1250, {"get": 8})


def test_workers_share_the_tasks_of_a_stage() -> None:
    """No stage has more workers than tasks, and what one task does alone is not divided."""
    assert wall(Cost(1, 1, seconds=100.0), 10, 4) == 25
    assert wall(Cost(1, 1, seconds=100.0), 2, 4) == 50
    assert wall(Cost(1, 1, seconds=100.0, serial=20.0), 10, 4) == 20 + 20
    assert wall(Cost(1, 1, seconds=3.0), 0, 4) == 3


def test_parts_alike_are_certain_and_all_of_them_are() -> None:
    """Two standard errors of the ratio, as a share; none is known of a single part, or of no bytes."""
    assert uncertainty([100], [5.0], 10) is None
    assert uncertainty([0, 0], [5.0, 5.0], 10) is None  # empty files
    assert uncertainty([100, 300, 200], [5.0, 15.0, 10.0], 10) == 0
    assert uncertainty([100, 300], [9.0, 2.0], 2) == 0
    expected = 2 * math.sqrt((1 - 2 / 10) * ((3.0 - 2) ** 2 + (1.0 - 2) ** 2) / 1 / 2) / 2
    assert uncertainty([50, 50], [3.0, 1.0], 10) == pytest.approx(expected)


def test_the_truth_is_mostly_within_the_uncertainty() -> None:
    """Of estimates from 12 of 60 parts, about 19 in 20 are."""
    chance = random.Random(3)
    within = 0
    for _ in range(200):
        inputs = [chance.randint(100, 1000) for _ in range(60)]
        taken = [size * chance.uniform(0.5, 1.5) for size in inputs]
        drawn = chance.sample(range(60), 12)
        some, took = [inputs[n] for n in drawn], [taken[n] for n in drawn]
        error = uncertainty(some, took, 60)
        assert error is not None
        within += abs(sum(took) / sum(some) * sum(inputs) - sum(taken)) <= error * sum(taken)
    assert within > 170


def test_money_is_prices_times_amounts() -> None:
    """What has no price, or is not known, is left out and not taken for free."""
    prices = Prices(core_hour=0.04, gb_month=0.02, put_1000=0.005, get_1000=0.0004, currency="EUR")
    requests = {"put": 2000, "list": 1000, "get": 5000, "head": 5000, "delete": 9, "retried": 9, "read": 10**9}
    money = Money.of(prices, 7200.0, 5 * 10**9, requests)
    assert (money.compute, money.requests, money.storage) == pytest.approx((0.08, 0.015 + 0.004, 0.1))
    assert money.once == pytest.approx(0.099)
    assert Money.of(Prices(), 7200.0, 1, requests).once is None
    assert Money.of(prices, 7200.0, 1, None).once == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("1TB", Target(bytes=10**12)),
        ("500 GiB", Target(bytes=500 * 2**30)),
        ("1.5MB", Target(bytes=1_500_000)),
        ("90000 files", Target(files=90_000)),
        ("90,000files", Target(files=90_000)),
        ("1 file", Target(files=1)),
    ],
)
def test_a_target_is_written_with_its_unit(text: str, target: Target) -> None:
    """As people write sizes and numbers."""
    assert Target.parse(text) == target


@pytest.mark.parametrize("text", ["", "90000", "0 files", "-1TB", "files", "1 XB", "nan TB"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """A number without a unit could be either."""
    with pytest.raises(UsageError, match="no amount of input"):
        Target.parse(text)


# -------------------------------------------------------------------------------------------------------------- plans


def known_seconds(root: str, seconds: float) -> None:
    """Write into every receipt of a root that its part took so long."""
    held = RootContents(root)
    place = Root(root, LocalStore())
    for folder, manifest in held.manifests.items():
        for key in {*manifest.parts, *manifest.shuffle}:
            receipt = place.receipt(folder, key)
            assert receipt is not None
            place.commit(folder, structs.replace(receipt, seconds=seconds))


def by_name(stages: tuple[StageEstimate, ...]) -> dict[str, StageEstimate]:
    return {stage.name: stage for stage in stages}


def test_a_sample_stands_for_the_rest_by_bytes(tmp_path: Path) -> None:
    """Seconds and bytes of the parts left are in proportion to their input; global stages are named as unknown."""
    write_inputs(tmp_path / "in", [["one two three"] * 100, ["four five six"] * 300, ["seven and eight"] * 100])
    given = recipe(tmp_path)
    assert plan(given).total is None
    quick(given, Selection(parts=(0,)))
    known_seconds(given.root, 10.0)
    found = plan(given)
    assert found.total is not None
    sizes = [(tmp_path / "in" / f"{n}.txt").stat().st_size for n in range(3)]
    stages = by_name(found.stages)
    for name in ("lines-of-text", "words", "snip"):
        assert stages[name].seconds == pytest.approx(10 * (sizes[1] + sizes[2]) / sizes[0])
        assert stages[name].todo == 2
    assert (stages["lines-of-text"].read, stages["words"].read) == (sizes[1] + sizes[2], 0)
    assert found.total.seconds == pytest.approx(30 * (sizes[1] + sizes[2]) / sizes[0])
    assert found.total.unknown == ("same", "upper", "gather")
    assert (found.total.basis.parts, found.total.basis.of, found.total.basis.bytes) == (1, 3, sizes[0])
    assert found.total.basis.documents == 100


def test_parts_whose_input_is_gone_are_no_measure(tmp_path: Path) -> None:
    """Their receipts say how long they took, and nothing says of how many bytes."""
    folder = write_inputs(tmp_path / "in", [["one two three"] * 10, ["four five six"] * 50])
    given = recipe(tmp_path)
    quick(given)
    known_seconds(given.root, 4.0)
    (folder / "0.txt").unlink()
    (folder / "2.txt").write_text("seven and eight\n" * 100)
    total = plan(given, Selection(until="words")).total
    assert total is not None
    assert total.basis.parts == 1
    assert total.seconds == pytest.approx(2 * 4.0 * 1600 / 700)


def test_a_target_is_planned_from_nothing(tmp_path: Path) -> None:
    """Every stage of a finished root over ten times its input takes ten times as long, and the workers share it."""
    write_inputs(tmp_path / "in", [["one two three"] * 50, ["four five six"] * 50])
    given = recipe(tmp_path, workers=5)
    quick(given)
    known_seconds(given.root, 2.0)
    once = plan(given)
    size = sum(path.stat().st_size for path in (tmp_path / "in").iterdir())
    assert once.nothing_to_do
    found = plan(given, target=Target(bytes=10 * size))
    again = plan(given, target=Target(files=20))
    assert found.total is not None
    assert (found.inputs, again.inputs, found.input_bytes) == (20, 20, 10 * size)
    assert found.stages == tuple(
        StageEstimate(**{**vars(stage), "reason": f"for {10 * size / 1000:,.1f} kB"}) for stage in again.stages
    )
    held = RootContents(given.root)
    receipts = [r for f, m in held.manifests.items() for r in held.root.receipts(f, [*m.parts, *m.shuffle])]
    assert found.total.seconds == pytest.approx(10 * 2.0 * len(receipts))
    written = sum(file.bytes for receipt in receipts for files in receipt.files.values() for file in files)
    assert found.total.written == 10 * written
    assert found.total.extrapolated == ("same",)
    assert found.total.wall is not None
    assert found.total.seconds / 5 <= found.total.wall < found.total.seconds
    with pytest.raises(UsageError, match="--for"):
        plan(given, Selection(parts=(0,)), Target(files=5))


def test_what_is_computed_again_in_passing_is_counted(tmp_path: Path) -> None:
    """A stage whose input is not stored is begun from the archives; where it is stored, from there."""
    write_inputs(tmp_path / "in", [["one two three"] * 50])
    for write, again in (("every", 0), ("last", 2)):
        given = pipeline(tmp_path, steps(LineSource(), Length(), Upper()), root=write, write=write)
        quick(given)
        known_seconds(given.root, 3.0)
        moved = given.model_copy(update={"steps": steps(LineSource(), Length(), Upper())})
        found = by_name(plan(moved, Selection(first="upper")).stages)
        assert found["upper"].seconds == 3.0 * (1 + again)
        assert (found["upper"].read == (tmp_path / "in" / "0.txt").stat().st_size) == (write == "last")


# ------------------------------------------------------------------------------------------------------------- prices


def test_a_price_changes_no_result(tmp_path: Path) -> None:
    """Nothing is made again, and the root does not know it."""
    write_inputs(tmp_path / "in", [["one two three"]])
    given = recipe(tmp_path)
    quick(given)
    head = (Path(given.root) / "HEAD.json").read_bytes()
    dear = given.model_copy(update={"prices": Prices(core_hour=1000.0)})
    assert plan(dear).nothing_to_do
    assert quick(dear).tasks == 0
    assert (Path(given.root) / "HEAD.json").read_bytes() == head
    assert b"prices" not in head


def test_money_is_planned_where_the_recipe_has_prices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line, with the sample named that it is estimated from; JSON has the same amounts."""
    write_inputs(tmp_path / "in", [["one two three"], ["four five six"]])
    given = recipe(tmp_path)
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps(recipe_dict(given) | {"root": given.root, "prices": {"core_hour": 3600}}))
    assert execute(["plan", "-c", str(path)]) == 0
    assert "no estimate: no part is finished yet; run `refinery run --sample 1%` first" in capsys.readouterr().out
    quick(given, Selection(parts=(0,)))
    known_seconds(given.root, 2.0)
    assert execute(["plan", "-c", str(path), "--workers", "3"]) == 0
    out = capsys.readouterr().out
    assert "total: 6 s of core time, 6 s on 3 workers; " in out
    assert "money: 6.00 USD (6.00 for compute)" in out
    assert f"estimated from 1 part in {given.root}: 14 B, 1 document;" in out
    assert "not in the total: same, upper, gather" in out
    assert execute(["plan", "-c", str(path), "--for", "14MB", "--set", "prices.currency=EUR", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["target"] == {"bytes": 14 * 10**6, "files": None}
    assert (found["total"]["money"]["compute"], found["total"]["money"]["currency"]) == (6 * 10**6, "EUR")
    assert found["input_bytes"] == 14 * 10**6


def tiny(folder: Path) -> Pipeline:
    """The small recipe over the archives of a folder."""
    text = (REPOSITORY / "configs" / "tiny.yaml").read_text(encoding="utf-8")
    options = [f"inputs={folder}/*.warc.gz", "url.blocklists=[]", "audit=0", "executor.workers=1"]
    return parse(text, "tiny.yaml", options, str(folder / "root"))


def members(data: bytes) -> Iterator[bytes]:
    """The gzip members of an archive, each a record."""
    while data:
        reader = zlib.decompressobj(31)
        reader.decompress(data)
        yield data[: len(data) - len(reader.unused_data)]
        data = reader.unused_data


@pytest.mark.slow
def test_a_sample_foretells_the_real_run(tmp_path: Path, corpus: Path) -> None:
    """Of real pages dealt to four archives, as a crawl deals them, bytes are within 25 %; seconds depend on the machine."""
    records = list(members((corpus / "pages" / "dev-00002.warc.gz").read_bytes()))[:1000]
    for number in range(4):
        (tmp_path / f"{number}.warc.gz").write_bytes(b"".join(records[number * 2 :: 8] + records[number * 2 + 1 :: 8]))
    given = tiny(tmp_path)
    quick(given, Selection(parts=(0, 2)))
    total = plan(given, Selection(until="lines")).total
    assert total is not None
    quick(given, Selection(until="lines"))
    held = RootContents(tmp_path / "root")
    made = [one for folder in held.manifests for one in held.receipts(folder) if one.part in (1, 3)]
    written = sum(receipt.total(name) for receipt in made for name in receipt.files)
    assert len(made) == 2 * 7
    assert 0.75 <= total.written / written <= 1.25
    assert total.seconds > 0
