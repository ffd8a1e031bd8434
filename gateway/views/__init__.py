"""Views as data products: what they stand on, and whether they still do."""
