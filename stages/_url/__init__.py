"""What the stage ``url`` is made of: addresses, blocklists, word lists. Nothing here knows documents or rules."""
