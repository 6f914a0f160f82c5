"""Items of benchmarks, as the stage ``decontaminate`` takes them."""
