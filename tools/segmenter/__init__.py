"""Sources of the segmenter's dictionaries, each as words with costs."""
