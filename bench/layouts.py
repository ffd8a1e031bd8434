"""Ways to spread the TPC-H tables over sources, loaded and published."""
