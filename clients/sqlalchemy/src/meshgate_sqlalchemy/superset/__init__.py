"""Apache Superset: its engine spec, and each of its users as himself at the gateway."""
