"""The dashboard of a root: a folder of static pages that open from disk, and the same pages served.

Pages are made from merged statistics, so they agree with the terminal. What was crawled is shown as text and as nothing
else: pages run one script, which is in them by its hash, and load nothing.
"""

from refinery.report.pages import Built, build

__all__ = ["Built", "build"]
