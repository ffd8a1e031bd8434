"""The memory of the mesh: one database of what is known, what happened, and who used what."""
