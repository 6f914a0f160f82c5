"""What ``tools/train_extractor.py`` is made of: pages with labels, lexicons, trees, scores, and the weights file."""
