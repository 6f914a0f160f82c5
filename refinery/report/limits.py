"""Limits of the pages: how much a page reads and shows, however large the root is."""

from __future__ import annotations

# ------------------------------------------------------------------------------------------------------------- reading

PARTS_READ = 20
"""Parts of a stage whose rows are read for clusters, spans, scores and texts."""

CANDIDATE_URLS = 5_000
"""URLs of each root that are compared to find pages that both roots have."""

COMPARED_PAGES = 50
"""Pages of which the texts of two roots are read."""

COMPARED_WORDS = 2_000
"""Words of each text that are compared."""

COMPARED_CHARACTERS = 20_000
"""Characters of each text that are compared."""

# --------------------------------------------------------------------------------------------------- documents, texts

SAMPLES_PER_REASON = 4
"""Documents of each removal reason on an examples page."""

BROWSED = 10
"""Documents on the browse page."""

SEARCH_HITS = 50
"""Documents that a search returns."""

FLIPS = 20
"""Documents of each kind on the what-if page."""

NEAREST = 5
"""Documents on each side of a threshold of scores."""

EXCERPT = 280
"""Characters of the text of a document in a list."""

DIFFERING_PAGES = 10
"""Pages whose differing texts are shown side by side."""

TEXT = 3_000
"""Characters of a text."""

CUTS = 8
"""Cut spans of a document that are listed above its text."""

# -------------------------------------------------------------------------------------------------------------- tables

TOP_REASONS = 10
"""Removal reasons on the overview."""

TOP_GROUPS = 8
"""Languages, and domains, on the overview."""

GROUPS = 50
"""Domains, suffixes, languages and months on their page, of each kind."""

GROUP_REASONS = 2
"""Removal reasons of a group."""

HEAVIEST_DOMAINS = 20
"""Domains with most tokens in the data set card."""

LARGEST = 10
"""Clusters, and repeated spans, of a stage."""

RETAINED = 20
"""Domains, and languages, below the clusters of a stage."""

SLOWEST_PARTS = 5
"""Parts of a stage by time."""

ODDEST_SHARDS = 10
"""Shards of a shuffled export, by the probability of their documents."""

LABELS = 15
"""Labels of a metric."""

CATEGORIES = 15
"""Categories of spans, such as kinds of personal data or benchmarks: those with most spans."""

THRESHOLDS = 4
"""Thresholds in the caption of a metric."""

NAMED_LANGUAGES = 5
"""Languages whose own thresholds are named and drawn: those with most documents."""

RULE_LANGUAGES = 30
"""Languages in the table of a stage's rules."""

RULE_PAIRS = 20
"""Pairs of rules on the audit page."""

MATRIX_RULES = 16
"""Rules of a stage in its matrix of overlap."""

COMPARED_SETTINGS = 50
"""Settings that differ between two recipes."""

SOLE_KEPT = 5
"""Documents that one of several roots alone keeps, of each."""

SOLE_OUTCOMES = 8
"""Outcomes in another root of such documents."""

RUNS = 20
"""Runs on the run page."""

PROBLEMS = 50
"""Failures of a run."""

TOP_PROBLEMS = 5
"""Counts that do not reconcile on the overview."""

# -------------------------------------------------------------------------------------------------- charts, controls

CHART_LANGUAGES = 12
"""Languages in a chart of scores."""

STRAGGLERS = 10
"""Stragglers of a run."""

TIMELINE_SPANS = 1_000
"""Spans in a timeline, besides stragglers and failures."""

SLIDER_STEPS = 100
"""Least number of steps of a slider."""
