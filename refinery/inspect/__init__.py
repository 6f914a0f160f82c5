"""Reading a root during or after a run: counts, samples, the way of a document, verification, garbage, status.

All of it reads what runs wrote; only ``garbage`` deletes, and nothing prints. Modules by verb:

- ``stats``: ``counts``, with ``--by`` ``groups``.
- ``why``: ``accounts``, with ``texts``.
- ``sample``: ``sample_query`` and ``samples``, with ``filters`` and ``evidence``.
- ``clusters``: ``clusters``.
- ``spans``: ``repeats``.
- ``what-if``: ``whatif``, which applies rules to stored metrics (``reapplied``) and counts (``flips``,
  ``group_yields``), with the documents next to a threshold (``near``).
- The report's page about scores: ``quality_scores``, with ``score_rows`` and ``orders``.
- ``diff``: ``difference``.
- ``check`` and ``stats``: ``edits``.
- ``verify``: ``verification``, which reads files (``contents``), follows the records of each input file
  (``file_counts``) and makes parts again (``recompute``).
- ``find``: ``find``. (``takedown`` is in ``runner``: it changes a root.)
- ``gc``: ``garbage``.
- ``run``: ``summaries``.
- ``run``, ``stats``, ``status``, ``logs`` and the report: ``warning_list``.
- ``status`` and ``logs``: ``runs``, and for ``--quarantine`` ``quarantine``.
- Shared by them: ``reader`` (receipts), ``rows``, ``lookup``, ``outcomes`` and ``replay``.
"""
