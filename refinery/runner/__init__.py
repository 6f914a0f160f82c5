"""Runs: the loop over a plan, its progress, and the manifests that it leaves."""
