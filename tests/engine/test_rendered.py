"""The page that is shown beside a text: nothing of a crawl acts in it."""

from __future__ import annotations

import re

from hypothesis import given, settings

from refinery.inspect.rendered import CHARACTERS, NO_PAGE, rendered
from tools.marked import marked_texts


@given(marked_texts())
@settings(max_examples=300, deadline=None)
def test_a_page_has_only_elements_of_structure(given: dict[str, object]) -> None:
    """Whatever text, kinds, values and labels say, a page has no link, no image, no attribute but those of structure."""
    for text, marks in zip(given["texts"].to_pylist(), given["structure"].to_pylist(), strict=True):  # type: ignore[attr-defined]
        for name, attributes in re.findall(r"<([a-z0-9]+)([^>]*)>", rendered(text, marks).html):
            assert name not in {"a", "img", "script", "style", "iframe"}
            assert re.fullmatch(r'( (class|start|value|colspan|rowspan)="[^"<>]*")*', attributes)


def test_a_long_text_is_shown_from_its_beginning() -> None:
    """Marks that reach beyond what is shown are left out, and a sign says that there is more."""
    line = {"start": 0, "end": 5, "depth": 0, "kind": "heading", "number": 1, "value": None, "label": None}
    beyond = {**line, "start": 6, "end": CHARACTERS + 9, "kind": "quote", "number": None}
    page = rendered("Title\n" + "a" * 2 * CHARACTERS, [line, beyond, {**beyond, "depth": 1, "kind": "strong"}])
    assert page.markdown.startswith("# Title\n\na")
    assert page.markdown.endswith("a\n\n…")
    assert page.html.startswith("<h1>Title</h1>\n<p>a")
    assert page.html.endswith("</p><p>…</p>")
    assert "<blockquote>" not in page.html
    assert rendered("Title", []) == rendered(None, None) == NO_PAGE
