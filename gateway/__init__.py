"""Meshgate: one governed front door to data that stays where it is."""

import os

# How long (ms) the allocators of pyarrow and of the engine keep memory they may use again; read
# when they are loaded, so before anything else. Filtered and computed columns are made anew for
# every batch: with the 10 ms of the allocators themselves, page faults are a third of a scan.
os.environ.setdefault("MIMALLOC_PURGE_DELAY", "10000")
