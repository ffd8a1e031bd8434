"""Contracts in the path: quality rules and promises are checked, and stand before their readers."""
