"""Parts of the stage ``url``: addresses, blocklists, word lists. Not here: documents and rules."""
