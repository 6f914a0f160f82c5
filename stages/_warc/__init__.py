"""Reading of archives for the sources ``warc`` and ``wet``: bytes to members, to records, to documents.

- ``blocks``: buffered reads of a range of a file.
- ``decoders``: gzip, zstd or nothing.
- ``members``: the members of a file, and recovery after a damaged one.
- ``cursor``: the bytes of one member, buffered.
- ``headers``: WARC, ARC and HTTP headers.
- ``records``: the records of a file, and the gaps between them.
- ``rows``: the fields that rows of all records share.
- ``pages``: the outcome of one response.
- ``texts``: the outcome of one record of extracted text.
- ``digests``: comparison of records with the digests in their headers.
- ``reading``: all rows of a file, or the one at a pointer.
- ``source``: the part that both sources share.
- ``inputs``: the files that a pattern names.
"""
