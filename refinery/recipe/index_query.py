"""Inputs that an index of archives names: the records of a crawl that a condition chooses.

Not here: reading the index.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

COMMON_CRAWL = "s3://commoncrawl/cc-index/table/cc-main/warc/"


class IndexQuery(BaseModel):
    """The records of a crawl that an index of the form of Common Crawl's lists, and that match a condition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crawl: str = Field(min_length=1, description="value of the index's column `crawl`: CC-MAIN-2024-10")
    where: str = Field(
        "true", min_length=1, description="condition in SQL on columns of the index: content_languages = 'deu'"
    )
    index: str = Field(COMMON_CRAWL, min_length=1, description="folder of the index's Parquet files, or one of them")
    archives: str = Field(
        "", description="base of the paths in `warc_filename`; empty: bucket or host of `index`, or its folder if local"
    )

    def archive(self, name: str) -> str:
        """Return the path of an archive of the index."""
        return f"{self._base().rstrip('/')}/{name.lstrip('/')}"

    def _base(self) -> str:
        scheme, remote, rest = self.index.partition("://")
        return self.archives or (f"{scheme}://{rest.partition('/')[0]}" if remote else self.index)
