"""The files of a root: receipts, manifests, the head, Parquet, and what reads them."""
