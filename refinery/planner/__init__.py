"""From a recipe and the receipts in its root to the tasks that remain. Nothing here writes.

To be read in this order:

- ``selection`` → ``inputs`` → ``segments``: the chosen stages and parts, the input files, the steps of one pass
- ``parts`` → ``plan`` → ``walk``: parts on their way through the segments, the plan as data, the function that makes it
- ``segment_tasks``, ``rounds``, ``audit_scope``: the tasks of a plan
- ``planner``: the lookups that are remembered from one plan to the next
- ``cost`` → ``measurements`` → ``estimate`` → ``estimator``: the time, bytes and money of a plan
- ``compatibility``, ``memory`` → ``preflight``: everything that stops a run before its first task
"""
