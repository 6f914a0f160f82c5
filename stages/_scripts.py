"""Languages whose writing does not put spaces between words."""

from __future__ import annotations

SPACELESS = ("bo", "dz", "ja", "km", "lo", "my", "th", "wuu", "yue", "zh")
"""By the codes of lid.176. What lies between white space is a clause or a sentence there."""
