"""Micro benchmarks of single stages, under pytest-benchmark: `pytest bench/micro`."""
