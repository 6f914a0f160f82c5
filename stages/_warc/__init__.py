"""How the source stage ``warc`` reads archives: bytes to members, members to records, records to pages.

- ``blocks``: a file as far as it is to be read.
- ``decoders``: gzip, zstd or nothing.
- ``members``: the members of a file, and where to go on after a damaged one.
- ``cursor``: the bytes of one member, buffered.
- ``headers``: WARC, ARC and HTTP headers.
- ``records``: the records of a file, and the stretches that are none.
- ``pages``: the fate of one record.
- ``inputs``: which files a pattern names.
"""
