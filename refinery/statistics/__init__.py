"""Counting what stages and the shadow audit do: each part by itself, so that parts can be merged in any order."""
