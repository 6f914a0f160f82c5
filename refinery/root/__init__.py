"""The files of a root: the records, each declared once (head, manifests, receipts, runs, statistics), and Parquet."""
