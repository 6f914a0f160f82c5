"""The contract of a stage: what it declares, what the engine calls, and the documents it is given."""
