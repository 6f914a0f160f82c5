"""The HTML report of a root: static pages that open from disk, or the same pages from a local server.

Pages are built from merged statistics, so they agree with the terminal. Crawled content is always escaped text. Pages
run one inline script, allowed by its hash, and load nothing.
"""

from refinery.report.pages import Built, build

__all__ = ["Built", "build"]
