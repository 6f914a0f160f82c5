"""Sample crawl of several hundred synthetic pages in WARC files, for trying a pipeline."""

from refinery.demo.sample import sample

__all__ = ["sample"]
