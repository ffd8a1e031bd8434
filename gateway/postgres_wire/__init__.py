"""The PostgreSQL front: protocol 3, for psql, ODBC, and whatever else speaks to PostgreSQL."""
