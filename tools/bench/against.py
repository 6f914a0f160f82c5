"""What a new crawl costs that is held against an earlier root, beside one run over both; the last line is JSON.

usage: python tools/bench/against.py FOLDER [--old 300000] [--new 30000] [--profile fineweb]

Documents are those of ``crowd``. The new ones are held against half of the old ones and against all: what the second
takes beyond the first is what old documents cost. Figures are of the rounds of ``minhash``, without its map, which is
of new documents alone, and without what is written in the end.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from refinery.stages.minhash import MinHash
from tools.bench.crowd import Crowd, write_parts
from tools.bench.timed import elsewhere, timed_run


def main() -> None:
    """Run the steps and print what they took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--old", type=int, default=300_000)
    parser.add_argument("--new", type=int, default=30_000)
    parser.add_argument("--profile", default="fineweb")
    arguments = parser.parse_args()
    folder, old, new = arguments.folder, arguments.old, arguments.new
    shutil.rmtree(folder, ignore_errors=True)
    elsewhere(write_parts, folder / "in", old + new, new)
    names = [f"{number:05d}.npy" for number in range(old // new + 1)]
    for part, group in (("half", names[: old // new // 2]), ("old", names[:-1]), ("new", names[-1:]), ("all", names)):
        (folder / part).mkdir()
        for name in group:
            (folder / part / name).hardlink_to(folder / "in" / name)
    first = MinHash(profile=arguments.profile, survivor="first")
    timed_run(folder, "new/*.npy", "warm", Crowd(), first)  # what is loaded once must not count for any
    one = _rounds(folder, "all", first)
    for part in ("half", "old"):
        timed_run(folder, f"{part}/*.npy", f"root-{part}", Crowd(), first)
    alone, half, whole = (
        _rounds(
            folder, "new", first.model_copy(update={"against": tuple(str(folder / f"root-{part}") for part in past)})
        )
        for past in ((), ("half",), ("old",))
    )
    seconds = {name: sum(rounds.values()) for name, rounds in (("one", one), ("alone", alone), ("whole", whole))}
    per_old = (seconds["whole"] - sum(half.values())) / (old - old // new // 2 * new)
    figures = {
        "one step over both, s": seconds["one"],
        "new ones alone, s": seconds["alone"],
        "new ones against old ones, s": seconds["whole"],
        "one step / second step": seconds["one"] / seconds["whole"],
        "us for an old document": per_old * 1e6,
        "us for an old key": per_old * 1e6 / first.bands,
        **{f"  {name}, s": spent for name, spent in whole.items()},
    }
    for name, value in figures.items():
        print(f"{name:40} {value:12.3f}")
    reported = {name.strip(): round(value, 4) for name, value in figures.items()}
    print(json.dumps({"profile": arguments.profile, "old": old, "new": new, **reported}))


def _rounds(folder: Path, inputs: str, stage: MinHash) -> dict[str, float]:
    name = f"{inputs}-{len(list(folder.iterdir()))}"
    found = timed_run(folder, f"{inputs}/*.npy", name, Crowd(), stage)
    return {method: seconds for method, seconds in found.items() if method not in ("first", "map", "rest")}


if __name__ == "__main__":
    main()
