"""Training data of the language model: translated messages of packages, word frequencies, words of close languages."""
