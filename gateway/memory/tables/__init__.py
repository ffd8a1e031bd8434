"""The tables of the store, an area a module; each is a tuple of statements for either engine."""
