"""Settings of the documentation site for Sphinx. ``tools/make_site.py`` writes its sources, `make site` builds it."""

import gc
from typing import Any

from pydantic import BaseModel
from sphinx.application import Sphinx

gc.disable()  # half of the time of a build: it looks through the trees of all pages again and again

project = "refinery"
html_title = "refinery"
html_theme = "furo"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_use_index = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 4  # as code hosts make them, so that links lead to the same headings there and here

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100


def signature(
    _app: Sphinx, what: str, _name: str, subject: Any, _options: Any, written: str | None, _returns: str | None
) -> tuple[str, str | None] | None:
    """Return a model's fields, of which Python's own signature has all validators too; protocols have none."""
    if what == "class" and issubclass(subject, BaseModel):
        return f"({', '.join(subject.model_fields)})", None
    return ("", None) if written == "(*args, **kwargs)" else None


def setup(app: Sphinx) -> None:
    """Have Sphinx ask for signatures."""
    app.connect("autodoc-process-signature", signature)
