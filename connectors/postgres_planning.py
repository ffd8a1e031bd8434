"""What the server's planner is told in a session: one cost, where nobody has set it.

By default PostgreSQL expects rows to be so dear to hand from one process to another that it joins
in a single process what leaves in many rows, and these wait for it. What an operator, the database
or the role has set to anything else stays as it is.
"""

from __future__ import annotations

_SETTING, _DEFAULT, _OURS = "parallel_tuple_cost", "0.1", "0.01"

PLANNING = (
    f"CASE current_setting('{_SETTING}', true) WHEN '{_DEFAULT}'"
    f" THEN set_config('{_SETTING}', '{_OURS}', false) END"
)
"""An output of a SELECT that does it. A server that has no such setting is told nothing."""
