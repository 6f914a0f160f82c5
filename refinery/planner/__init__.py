"""From a recipe and the receipts in its root to the tasks that remain. Nothing here writes."""
