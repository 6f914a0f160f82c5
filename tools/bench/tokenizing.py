"""Tokens a second of one core, from stored texts to files of token ids, beside datatrove's DocumentTokenizer.

usage: python tools/bench/tokenizing.py INPUTS TOKENIZER… [--rounds 3] [--datatrove PYTHON]

INPUTS are WET files; their texts are stored first, as Parquet. What is measured is CPU time of the export alone, with
all that it does: planning, reading, encoding, writing, checksums, receipts and the folder of the dataset. Batch
encoding by `tokenizers`, and datatrove's ParquetReader and DocumentTokenizer without a shuffle, get the same texts, in
turn. PYTHON is an interpreter that has datatrove[io,processing] 0.10.1.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Before `tokenizers` is imported: one thread for everybody.
os.environ |= {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import pyarrow.parquet as pq
from tokenizers import Tokenizer

from refinery.recipe import parse
from refinery.runner.run import run
from refinery.stages._formats.tokenizing import DocumentTokenizer, document_tokenizer
from tools.bench.pipeline import InProcess

DATATROVE = """
import json, sys, time
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.tokens import DocumentTokenizer
texts, out, tokenizer, end = sys.argv[1:]
reader = ParquetReader(texts, batch_size=1000)
writer = DocumentTokenizer(out, tokenizer, eos_token=end, shuffle_documents=False)
writer.tokenizer
started = time.process_time()
list(writer.run(reader.run(None, 0, 1), 0, 1) or ())
print(json.dumps([time.process_time() - started, writer.stats.stats["tokens"].total]))
"""


def main() -> None:
    """Print a line for each tokenizer and round; the last line is JSON with the best of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("inputs", help="a glob of WET files")
    parser.add_argument("tokenizers", nargs="+", help="tokenizer.json files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--datatrove", metavar="PYTHON")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    best: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        stored = _stored(arguments.inputs, folder)
        for tokenizer in arguments.tokenizers:
            rates = best.setdefault(Path(tokenizer).name, {})
            for _ in range(arguments.rounds):
                for name, rate in _rates(stored, tokenizer, arguments.datatrove).items():
                    rates[name] = round(max(rate, rates.get(name, 0.0)), 3)
            print(f"{tokenizer}: " + ", ".join(f"{name} {rate:.2f}" for name, rate in rates.items()), flush=True)
    print(json.dumps(best))


def _recipe(inputs: str, root: str, export: str) -> str:
    return (
        f"dataset: bench\ninputs: {json.dumps(inputs)}\nroot: {root}\nwrite: every\npipeline: [wet: {{}}, {export}]\n"
    )


def _stored(inputs: str, folder: str) -> str:
    root = f"{folder}/stored"
    text = _recipe(os.path.abspath(inputs), root, "export: {}")
    run(parse(text, "bench"), executor=InProcess())
    return root


def _rates(stored: str, tokenizer: str, python: str | None) -> dict[str, float]:
    """Return millions of tokens a second of each."""
    end = DocumentTokenizer(tokenizer).end_of_text
    rates = {f"refinery {form}": _refinery(stored, tokenizer, form) for form in ("npy", "megatron")}
    paths = sorted(glob.glob(f"{stored}/00-wet/kept/*.parquet"))
    texts = [text for path in paths for text in pq.read_table(path, columns=["text"])["text"].to_pylist()]
    for name in ("encode_batch", "encode_batch_fast"):
        opened = Tokenizer.from_file(tokenizer)
        started = time.process_time()
        encoded = getattr(opened, name)(texts, add_special_tokens=False)
        seconds = time.process_time() - started
        rates[name] = sum(len(one.ids) for one in encoded) / seconds / 1e6
    if python:
        with tempfile.TemporaryDirectory() as out:
            command = [python, "-c", DATATROVE, f"{stored}/00-wet/kept", out, tokenizer, end]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        seconds, tokens = json.loads(answer.splitlines()[-1])
        rates["datatrove"] = tokens / seconds / 1e6
    return rates


def _refinery(stored: str, tokenizer: str, form: str) -> float:
    """Export the stored texts into a copy of the root."""
    with tempfile.TemporaryDirectory() as folder:
        root = f"{folder}/root"
        shutil.copytree(stored, root)
        recipe = json.loads(Path(root, "HEAD.json").read_text())["recipe"]
        export = f"export: {{format: {form}, tokenizer: {os.path.abspath(tokenizer)}, layout: files}}"
        pipeline = parse(_recipe(recipe["inputs"][0], root, export), "bench")
        document_tokenizer.cache_clear()  # what it has seen in another round would be no work in this one
        started = time.process_time()
        run(pipeline, executor=InProcess())
        seconds = time.process_time() - started
        return float(json.loads(Path(root, "dataset/manifest.json").read_text())["tokens"] / seconds / 1e6)


if __name__ == "__main__":
    main()
