"""One unit of work: reads, processes batches step by step, writes, and commits receipts."""
