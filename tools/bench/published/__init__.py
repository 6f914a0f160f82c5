"""Tables of ``tools.bench.parity``, one a recipe: ``NEEDS``, ``is_comparable(language)`` and ``rows(steps)``."""
