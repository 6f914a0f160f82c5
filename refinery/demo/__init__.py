"""A sample crawl to try the pipeline on: several hundred made-up pages in WARC files. It knows no stage."""

from refinery.demo.sample import sample

__all__ = ["sample"]
