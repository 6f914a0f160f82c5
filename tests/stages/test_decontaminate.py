"""Laws of ``decontaminate``: copies of items are found although they differ, other texts are not, cuts can be undone."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery import Asset, AssetError
from refinery.cli import execute
from refinery.kernels import Benchmarks, match_scores, undo
from refinery.stages.decontaminate import Decontaminate
from tests.stages.verdicts import docs, edited, failed, metrics

ITEMS = str(Path(__file__).with_name("items.jsonl"))
ROWS = [json.loads(line) for line in Path(ITEMS).read_text(encoding="utf-8").splitlines()]
CIDER, ALBATROSS, CHINESE, THAI = (ROWS[row]["question"] for row in (0, 4, 5, 6))
PAGE = "We walked along the river in the evening. \n{}\n The market was closed, so we went home and read until it was dark."


def stage(**fields: Any) -> Decontaminate:
    """The stage with the items of this folder."""
    return Decontaminate.model_validate({"benchmarks": [ITEMS], **fields})


def best(text: str, **fields: Any) -> tuple[str, float]:
    """The best item in a text, and its score."""
    found = metrics(stage(**fields), text)
    return found["item"], found["score"]


@pytest.mark.parametrize(
    ("item", "copy"),
    [
        ("town 2", CIDER),
        ("town 2", CIDER.upper().replace(" ", "\n")),
        ("town 2", CIDER.replace("48", "forty-eight").replace("1783", "one thousand seven hundred and eighty-three")),
        ("town 2", CIDER.replace("48", "٤٨")),
        ("town 3", ROWS[2]["passage"]),
        ("birds 1", ALBATROSS),
        ("birds 2", CHINESE),
        ("birds 3", THAI),
    ],
)
def test_a_copy_is_found(item: str, copy: str) -> None:
    """Anywhere in a page, in any case and with numerals of any kind; its document is removed, and no other."""
    found, score = best(PAGE.format(copy))
    assert (found, score > 0.9) == (item, True)
    assert failed(stage(), PAGE.format(copy), PAGE, copy) == [["contaminated"], [], ["contaminated"]]


@pytest.mark.parametrize("every", [5, 10, 20])
@pytest.mark.parametrize("question", [CIDER, ALBATROSS])
def test_edited_words_are_no_way_out(question: str, every: int) -> None:
    """One word in five is another one, is missing, or follows."""
    words = question.split()
    others = [word if place % every else "heron" for place, word in enumerate(words, 1)]
    fewer = [word for place, word in enumerate(words, 1) if place % every]
    more = [word if place % every else f"{word} heron" for place, word in enumerate(words, 1)]
    for copy in (others, fewer, more):
        assert failed(stage(), PAGE.format(" ".join(copy))) == [["contaminated"]]


@pytest.mark.parametrize(
    ("page", "question", "options", "numerals"),
    [
        (
            "我们傍晚沿着河边散步，{}市场已经关门了，于是我们回家看书。",
            "1783年霜冻之前，小镇的摆渡人卖出了多少桶苹果酒，如果每桶装48加仑？",
            ("四桶苹果酒", "装满梨酒的木箱", "九瓶蜂蜜", "一桶也没有"),
            {"1783": "一七八三", "48": "四十八"},
        ),
        (
            "夕方、私たちは川沿いを歩いた。{}市場は閉まっていたので、家に帰って本を読んだ。",
            "1783年の霜が降りる前に、渡し守は48ガロン入りの樽でリンゴ酒をいくつ売ったでしょうか。",
            ("リンゴ酒を三樽", "ナシのジュースを箱ごと", "ハチミツの小瓶", "ひとつも売らなかった"),
            {"1783": "千七百八十三", "48": "四八"},
        ),
        (
            "ตอนเย็นเราเดินเล่นริมแม่น้ำ{}ตลาดปิดแล้วเราจึงกลับบ้านไปอ่านหนังสือ",
            "ก่อนน้ำค้างแข็งปี1783คนแจวเรือขายไซเดอร์ได้กี่ถังถ้าแต่ละถังจุ48แกลลอน",
            ("แอปเปิลสามถัง", "น้ำลูกแพร์ทั้งกล่อง", "ขวดน้ำผึ้งเล็กๆ", "ไม่ได้ขายเลย"),
            {"1783": "๑๗๘๓", "48": "๔๘"},
        ),
    ],
    ids=["zh", "ja", "th"],
)
def test_scripts_without_spaces(
    tmp_path: Path, page: str, question: str, options: Sequence[str], numerals: dict[str, str]
) -> None:
    """Numerals may be those of the script, and options in another order, between other letters and in the question."""
    (tmp_path / "quiz.jsonl").write_text(json.dumps({"question": question + "".join(options)}), encoding="utf-8")
    given_ = stage(benchmarks=[str(tmp_path / "quiz.jsonl"), ITEMS])
    spelled = re.sub(r"\d+", lambda number: numerals[number[0]], question)
    assert spelled != question
    for copy in (spelled + "".join(options), question + "".join(options[::-1]), spelled + "".join(options[::-1])):
        found = metrics(given_, page.format(copy))
        assert (found["item"], found["score"] > 0.75) == ("quiz 1", True)
    assert failed(given_, page, page.format("".join(options))) == [[], []]


def test_the_answer_that_is_there_names_the_row() -> None:
    """Of rows with one question: that of the answer, wherever it stands; without one the correct row."""
    assert best(f"Thirty-two barrels!\n{PAGE.format(CIDER)}")[0] == "town 1"
    assert best(f"{PAGE.format(CIDER)} He sold seventeen barrels.")[0] == "town 2"
    assert best(CIDER)[0] == "town 2"


def test_common_phrases_are_no_items() -> None:
    """A short question, with its answer or without, and words of an item in another place each."""
    assert best("Who was it? They were.") == (None, 0)
    scattered = " so it was that ".join(CIDER.split())
    assert failed(stage(), "Who was it? They were.", scattered) == [[], []]


def test_a_cut_can_be_undone() -> None:
    """Spans name the item, restore the text, and a second pass finds none."""
    text = PAGE.format(f"{CIDER} {ALBATROSS}\n—\n{CIDER}")
    cut = stage(action="cut")
    first = edited(cut, docs(text, PAGE, None))
    spans = pa.array(first.metrics["spans"])
    assert [[span["reason"] for span in some] for some in spans.to_pylist()] == [
        ["town 2", "birds 1", "town 2"],
        [],
        [],
    ]
    assert undo(first.columns["text"], spans)[0].as_py() == text
    assert failed(cut, first.columns["text"][0].as_py(), CIDER) == [[], ["too_short"]]
    assert metrics(cut, first.columns["text"][0].as_py())["items"] == 0


def test_a_mark_changes_nothing() -> None:
    """Items are recorded with their places, and neither texts nor documents go."""
    marked = stage(action="mark")
    result = edited(marked, docs(CIDER))
    assert (result.columns, marked.rules(), marked.added()) == ({}, (), ())
    (span,) = pa.array(result.metrics["spans"])[0].as_py()
    assert (span["offset"], span["length"], span["text"], span["cut"]) == (0, len(CIDER) - 1, None, False)
    assert [CIDER[start:end] for start, end in marked.highlights(CIDER, "score")] == [CIDER[:-1]]


def test_plain_json_lines(tmp_path: Path) -> None:
    """Fields are chosen by name; lists are several texts; the file names the benchmark, the line the item."""
    rows = [{"prompt": "x", "choices": [1, None]}, {"prompt": ["One of", CIDER], "choices": ["a barrel of ale", 17]}]
    with gzip.open(tmp_path / "quiz.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n\n" for row in rows)
    fields = {"question": "prompt", "answer": ["choices"]}
    assert best(CIDER, benchmarks=str(tmp_path / "*.gz"), fields=fields)[0] == "quiz 3"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.jsonl.gz", b"\x1f\x8b\x08 no gzip", "after line 0"),
        ("a.jsonl.gz", gzip.compress(b'{"question": "a"}\n' * 9, mtime=0)[:-9], "after line"),
        ("a.jsonl.zst", b"(\xb5/\xfd no zstd", "after line 0"),
        ("a.jsonl", b'{"question": "a"}\n{"question"', "after line 2"),
        ("a.jsonl", b"[1]", "a.jsonl:1: no object"),
        ("a.jsonl", b"[" * 100_000, "after line 1"),
        ("a.jsonl", b"\xff\xfe", "after line 1"),
        ("a.jsonl", b'{"prompt": "a"}', "a.jsonl:1: none of the fields question, passage, answer"),
        ("a.jsonl", b'{"question": {"text": "a"}}', "the field question is no text"),
        ("a.jsonl", b"\n \n", "no items"),
    ],
)
def test_what_is_no_benchmark_is_refused(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    """One error with the file, the line and a hint, before a run begins."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AssetError, match=problem.replace(".", r"\.")) as caught:
        stage(benchmarks=[str(path)]).check_asset("benchmarks", Asset(str(path)))
    assert caught.value.hint


@pytest.mark.parametrize(("name", "code"), [("a.jsonl", 3), ("b.jsonl", 3), ("*.gz", 2)])
def test_a_recipe_with_a_bad_benchmark_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, code: int
) -> None:
    """As for other assets: a file without items, a missing one, and a pattern that no file matches."""
    (tmp_path / "a.jsonl").write_text("{}")
    recipe = tmp_path / "r.yaml"
    steps = f"  - wet: {{}}\n  - decontaminate: {{benchmarks: ['{tmp_path}/{name}']}}\n"
    recipe.write_text(f"dataset: d\ninputs: '{tmp_path}/*.wet'\nroot: '{tmp_path}/r'\npipeline:\n{steps}")
    assert execute(["check", "-c", str(recipe)]) == code
    assert name in (printed := capsys.readouterr().err)
    assert "Traceback" not in printed


ACCENTS = "Did nai\u0308ve Zoe\u0308 Lefe\u0300vre from Besanc\u0327on eat more cre\u0300me bru\u0302le\u0301e or pa\u0302te\u0301"


@pytest.mark.parametrize("item", [CIDER, ALBATROSS, CHINESE, THAI, ACCENTS])
@given(data=st.data())
def test_a_span_is_the_copy(item: str, data: st.DataObject) -> None:
    """To its last accent, although the item has the words before and after it, if they are less than half of it."""
    copy = item.rstrip("?.\uff1f")
    joint = "" if item in (CHINESE, THAI) else " "
    units = copy.split(" ") if joint else re.findall(r"\w[^\w\s]*", copy)
    size = data.draw(st.integers(1, 2))
    some = st.lists(st.sampled_from(units), max_size=2)
    before = data.draw(st.one_of(some, st.just(units[:size])))
    after = data.draw(st.one_of(some, st.just(units[-size:])))
    kernel = Benchmarks(pa.array([item]), np.zeros(1, np.uint8), np.zeros(1, np.uint32))
    text = joint.join([*before, copy, *after])
    found = [text.encode()[one["start"] : one["end"]].decode() for one in kernel.matches(pa.array([text]))[0].as_py()]
    assert found == [copy]


WORDS = st.lists(st.sampled_from([*"abcdefghij"]), max_size=12)


@given(pieces=st.lists(WORDS, min_size=1, max_size=4), before=WORDS, after=WORDS, data=st.data())
def test_what_is_found_is_in_a_window(
    pieces: list[Sequence[str]], before: Sequence[str], after: Sequence[str], data: st.DataObject
) -> None:
    """Never more than the best window has by counting, and all of an exact copy in which no word is without weight."""
    chosen = data.draw(st.sampled_from(pieces))
    copy = [word for word in chosen if data.draw(st.integers(0, 9)) or len(chosen) < 5]
    words = [*before, *copy, *after]
    kinds, groups = np.zeros(len(pieces), np.uint8), np.arange(len(pieces), dtype=np.uint32)
    kernel = Benchmarks(pa.array([" ".join(piece) for piece in pieces]), kinds, groups)
    found = kernel.matches(pa.array([" ".join(words)]))
    for one in found[0].as_py():
        assert one["matched"] <= _by_counting(pieces, pieces[one["group"]], words)
        assert "".join(" ".join(words).encode()[one["start"] : one["end"]].decode().split())
    assert ((scores := match_scores(found.flatten())) >= 0.3).all()
    assert sorted(scores, reverse=True) == scores.tolist()


def _by_counting(pieces: Sequence[Sequence[str]], piece: Sequence[str], words: Sequence[str]) -> int:
    counts = Counter(word for each in pieces for word in set(each))
    weights = {
        word: math.floor(math.log((len(pieces) + 1) / count) / math.log(len(pieces) + 1) * 1024 + 0.5)
        for word, count in counts.items()
    }
    length = len(piece) + len(piece) // 4 + 3
    windows = (Counter(words[start : start + length]) & Counter(piece) for start in range(len(words)))
    return max((sum(weights[word] * count for word, count in both.items()) for both in windows), default=0)
