"""How the sources ``warc`` and ``wet`` read archives: bytes to members, members to records, records to documents.

- ``blocks``: a file as far as it is to be read.
- ``decoders``: gzip, zstd or nothing.
- ``members``: the members of a file, and where to go on after a damaged one.
- ``cursor``: the bytes of one member, buffered.
- ``headers``: WARC, ARC and HTTP headers.
- ``records``: the records of a file, and the stretches that are none.
- ``rows``: what the row of any record says.
- ``pages``: the outcome of one response.
- ``texts``: the outcome of one record of extracted text.
- ``digests``: whether a record is what its header says.
- ``reading``: all rows of a file, and the one at a pointer.
- ``inputs``: which files a pattern names.
"""
