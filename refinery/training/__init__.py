"""Training of classifiers from labelled texts: examples, their split by domain, two kinds of models, and figures."""
