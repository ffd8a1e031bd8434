"""Substrait plans in: a client's plan becomes the SQL it means, and goes the way of all SQL."""
