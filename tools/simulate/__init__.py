"""A cluster simulated: what a crawl takes on 10 to 2,000 cores, with stragglers, lost machines and a busy store.

    python -m tools.simulate --recording crawl.json            # 90,000 archives; records the phases first
    python -m tools.simulate --recording crawl.json --cores 64 --seed 1 --json figures.json
    python -m tools.simulate.measure FOLDER                    # measures tasks again, for measured.json
    python -m tools.simulate.validate FOLDER                   # compares three figures with real runs

What is real, and what is not:

- Real: phases, tasks, ranges, merges, and requests of rounds, by the planner and the runner over parts whose tasks
  write copies (`recorder`); tries after deaths (``Deaths``). The tests put the executor into the real loop.
- Measured: the driver's memory and its CPU between phases, in that recorded run; requests, variation and fixed seconds
  of tasks by kind (`timings`); seconds a page, by larger runs (`crawl`).
- Simulated, event by event: the order of tasks, idle cores, lost machines, the driver's pace (`executor`); refusals of
  the store and the back-off, with the constants of the real client (`throttling`, `store`).
- Assumed, or stated by others: rates of failures, latency, limits of the store. Each default in `cluster` has its
  source.

Chance is a hash of a seed and the name of what happens, so the same arguments print the same figures. What the driver
takes between phases is recorded once, with the rest.

Not simulated: several runs that share a store, the network between machines, disks, and a driver that is lost.
"""
